package e2e

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/component-helpers/auth/rbac/validation"

	"github.com/killorder/killorder/test/e2e/node"
	"github.com/killorder/killorder/test/integration/harness"
)

// rights are an account's rules, by namespace; those of the whole cluster are under "".
type rights map[string][]rbacv1.PolicyRule

// manifest is any object; only the fields of RBAC objects are read.
type manifest struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Rules    []rbacv1.PolicyRule
	RoleRef  rbacv1.RoleRef
	Subjects []rbacv1.Subject
}

// grantedRights are what config/default binds to the operator's account, read off what kubectl would apply.
func grantedRights(ctx ginkgo.SpecContext) rights {
	ginkgo.GinkgoHelper()
	render := exec.CommandContext(ctx, machine.Programs.Kubectl, "kustomize", filepath.Join(harness.Root(), "config", "default"))
	text, err := render.Output()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	var all []manifest
	for documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		var m manifest
		err := documents.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		all = append(all, m)
	}
	return bound(all, func(s rbacv1.Subject) bool {
		return s.Kind == rbacv1.ServiceAccountKind && node.ServiceAccount(s.Namespace, s.Name) == operatorAccount
	})
}

// everyonesRights are the rights that Kubernetes itself grants to all accounts: these rights let a client find out which API
// resources exist.
func everyonesRights(ctx ginkgo.SpecContext) rights {
	ginkgo.GinkgoHelper()
	var all []manifest
	var roles rbacv1.ClusterRoleList
	gomega.Expect(api.List(ctx, &roles)).To(gomega.Succeed())
	for i := range roles.Items {
		m := manifest{Kind: "ClusterRole", Rules: roles.Items[i].Rules}
		m.Metadata.Name = roles.Items[i].Name
		all = append(all, m)
	}
	var bindings rbacv1.ClusterRoleBindingList
	gomega.Expect(api.List(ctx, &bindings)).To(gomega.Succeed())
	for i := range bindings.Items {
		all = append(all, manifest{Kind: "ClusterRoleBinding", RoleRef: bindings.Items[i].RoleRef, Subjects: bindings.Items[i].Subjects})
	}
	return bound(all, func(s rbacv1.Subject) bool { return s.Kind == rbacv1.GroupKind && s.Name == "system:authenticated" })
}

// bound are the rules of the roles that are bound to a subject.
func bound(all []manifest, to func(rbacv1.Subject) bool) rights {
	granted := rights{}
	for i := range all {
		b := &all[i]
		if !strings.HasSuffix(b.Kind, "RoleBinding") || !slices.ContainsFunc(b.Subjects, to) {
			continue
		}
		for j := range all {
			r := &all[j]
			if r.Kind == b.RoleRef.Kind && r.Metadata.Name == b.RoleRef.Name &&
				(r.Kind == "ClusterRole" || r.Metadata.Namespace == b.Metadata.Namespace) {
				granted[b.Metadata.Namespace] = append(granted[b.Metadata.Namespace], r.Rules...)
			}
		}
	}
	return granted
}

// cover reports whether a request is within the rights.
func (r rights) cover(e *node.AuditEvent) bool {
	needed := rbacv1.PolicyRule{Verbs: []string{e.Verb}}
	namespace := ""
	if o := e.ObjectRef; o != nil {
		needed.APIGroups, needed.Resources = []string{o.APIGroup}, []string{strings.TrimSuffix(o.Resource+"/"+o.Subresource, "/")}
		if o.Name != "" {
			needed.ResourceNames = []string{o.Name}
		}
		namespace = o.Namespace
	} else {
		path, _, _ := strings.Cut(e.RequestURI, "?")
		needed.NonResourceURLs = []string{path}
	}
	covered, _ := validation.Covers(slices.Concat(r[""], r[namespace]), []rbacv1.PolicyRule{needed})
	return covered
}
