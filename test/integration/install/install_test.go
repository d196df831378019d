// Package install installs what is shipped on a real API server in the ways that e2e does not: by somebody who administers a
// namespace only, and as the Operator Lifecycle Manager does.
package install

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/integration/harness"
)

var (
	k8s                 client.Client
	kubeconfig, manager string
)

func TestInstall(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(2 * time.Minute)
	SetDefaultEventuallyPollingInterval(500 * time.Millisecond)
	RunSpecs(t, "What is shipped, installed")
}

var _ = BeforeSuite(func(SpecContext) {
	manager = harness.BuildOperator()
	env := harness.ControlPlane()
	k8s, kubeconfig = harness.Client(env.Config), harness.WriteKubeconfig(env)
}, NodeTimeout(20*time.Minute))

// kubectl runs on files of the repository, as a user or, with an empty name, as the administrator.
func kubectl(ctx context.Context, user string, args ...string) (string, error) {
	if user != "" {
		args = append(args, "--as="+user)
	}
	c := exec.CommandContext(ctx, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), append(args, "--kubeconfig="+kubeconfig)...)
	c.Dir = harness.Root()
	output, err := c.CombinedOutput()
	return string(output), err
}

func succeeds(ctx context.Context, user string, args ...string) {
	GinkgoHelper()
	output, err := kubectl(ctx, user, args...)
	Expect(err).NotTo(HaveOccurred(), "kubectl %v: %s", args, output)
}

// works runs the operator with the account and the flags that were installed, and expects an order of a new node.
func works(ctx context.Context, namespace, node string) {
	GinkgoHelper()
	memory := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("8Gi")}
	Expect(k8s.Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: node}, Status: corev1.NodeStatus{Capacity: memory, Allocatable: memory},
	})).To(Succeed())
	d := &unstructured.Unstructured{}
	d.SetAPIVersion("apps/v1")
	d.SetKind("Deployment")
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "killorder-manager"}, d)).To(Succeed())
	account, _, _ := unstructured.NestedString(d.Object, "spec", "template", "spec", "serviceAccountName")
	containers, _, _ := unstructured.NestedSlice(d.Object, "spec", "template", "spec", "containers")
	args, _, _ := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$(NAMESPACE)", namespace)
	}
	// Of a flag that is given twice the last one counts: the ports may be taken here.
	args = append(args, "--leader-election-namespace="+namespace, "--metrics-bind-address=0", "--health-probe-bind-address=0", "--usage-interval=5s")
	operator := harness.StartOperator(manager, harness.As(kubeconfig, "system:serviceaccount:"+namespace+":"+account), args...)
	Eventually(func() error {
		return k8s.Get(ctx, client.ObjectKey{Name: node}, &v1alpha1.NodeKillOrder{})
	}).Should(Succeed(), "an order of the node")
	Expect(k8s.Get(ctx, client.ObjectKey{Name: v1alpha1.PolicyName}, &v1alpha1.KillOrderPolicy{})).To(Succeed())
	operator.Stop()
}

var _ = Describe("installing", Ordered, func() {
	It("takes no cluster administrator once one has applied administrator.yaml", func(ctx SpecContext) {
		const namespace, somebody = "killorder-system", "somebody"
		succeeds(ctx, "", "apply", "--server-side", "--force-conflicts", "-f", "dist/administrator.yaml")
		// The built-in role admin, by its parts: here is no controller that puts it together.
		for _, part := range []string{"admin", "edit", "view"} {
			succeeds(ctx, "", "create", "rolebinding", part, "-n", namespace, "--clusterrole=system:aggregate-to-"+part, "--user="+somebody)
		}
		output, err := kubectl(ctx, somebody, "apply", "--server-side", "-f", "dist/administrator.yaml")
		Expect(err).To(HaveOccurred())
		Expect(output).To(ContainSubstring("forbidden"))
		succeeds(ctx, somebody, "apply", "--server-side", "-f", "dist/operator.yaml")
		works(ctx, namespace, "by-kubectl")
		succeeds(ctx, somebody, "delete", "-f", "dist/operator.yaml")
	}, SpecTimeout(5*time.Minute))

	// OLM itself unpacks bundles in Jobs, whose images come from registries; nothing here runs containers from any. So the test
	// does what OLM does once a bundle is unpacked: its kinds, then the Deployment and the rights of the ClusterServiceVersion.
	It("works with what the Operator Lifecycle Manager makes of the bundle", func(ctx SpecContext) {
		const namespace = "operators"
		succeeds(ctx, "", "delete", "clusterroles,clusterrolebindings,priorityclasses", "-l", "app.kubernetes.io/name=killorder")
		succeeds(ctx, "", "create", "namespace", namespace)
		files, err := filepath.Glob(filepath.Join(harness.Root(), "bundle", "manifests", "*.yaml"))
		Expect(err).NotTo(HaveOccurred())
		for _, file := range files {
			if !strings.HasSuffix(file, ".clusterserviceversion.yaml") {
				succeeds(ctx, "", "apply", "--server-side", "--force-conflicts", "-n", namespace, "-f", file)
			}
		}
		for _, o := range ofVersion(namespace) {
			Expect(k8s.Create(ctx, o)).To(Succeed(), "%T %s", o, o.GetName())
		}
		works(ctx, namespace, "by-olm")
	}, SpecTimeout(5*time.Minute))
})

// version is what matters here of a ClusterServiceVersion.
type version struct {
	Spec struct {
		Install struct {
			Spec struct {
				ClusterPermissions, Permissions []struct {
					ServiceAccountName string
					Rules              []rbacv1.PolicyRule
				}
				Deployments []struct {
					Name  string
					Label map[string]string
					Spec  map[string]any
				}
			}
		}
	}
}

// ofVersion are the objects that the Operator Lifecycle Manager makes of the install strategy (operator-lifecycle-manager
// v0.38, pkg/controller/registry/resolver/rbac.go and pkg/controller/install/deployment.go): an account for each set of
// permissions, a role and a binding each, and the deployment.
func ofVersion(namespace string) (objects []client.Object) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), "bundle", "manifests", "killorder.clusterserviceversion.yaml"))
	Expect(err).NotTo(HaveOccurred())
	var v version
	Expect(yaml.Unmarshal(text, &v)).To(Succeed())
	strategy := v.Spec.Install.Spec
	accounts := map[string]bool{}
	meta := func(name, in string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Namespace: in} }
	for i, p := range strategy.ClusterPermissions {
		name := fmt.Sprintf("killorder-olm-%d", i)
		accounts[p.ServiceAccountName] = true
		objects = append(objects, &rbacv1.ClusterRole{ObjectMeta: meta(name, ""), Rules: p.Rules}, &rbacv1.ClusterRoleBinding{
			ObjectMeta: meta(name, ""), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: p.ServiceAccountName, Namespace: namespace}},
		})
	}
	for i, p := range strategy.Permissions {
		name := fmt.Sprintf("killorder-olm-%d", i)
		accounts[p.ServiceAccountName] = true
		objects = append(objects, &rbacv1.Role{ObjectMeta: meta(name, namespace), Rules: p.Rules}, &rbacv1.RoleBinding{
			ObjectMeta: meta(name, namespace), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: p.ServiceAccountName, Namespace: namespace}},
		})
	}
	for name := range accounts {
		objects = append(objects, &corev1.ServiceAccount{ObjectMeta: meta(name, namespace)})
	}
	for _, d := range strategy.Deployments {
		u := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"})}
		u.SetName(d.Name)
		u.SetNamespace(namespace)
		u.SetLabels(d.Label)
		u.Object["spec"] = d.Spec
		objects = append(objects, u)
	}
	return objects
}
