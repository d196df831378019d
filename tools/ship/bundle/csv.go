package bundle

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/killorder/killorder/tools/ship/objects"
)

type object = map[string]any

const (
	repository  = "https://github.com/killorder/killorder"
	minimumKube = "1.34.0"
	// openShift is the first with that Kubernetes.
	openShift = "v4.21"
	channel   = "candidate"
)

// csv is the ClusterServiceVersion: what the console shows, and the deployment with its rights, both read off config/.
func csv(root, version, date string, all []*unstructured.Unstructured) (object, error) {
	image := objects.Image + ":v" + version
	icon, err := os.ReadFile(filepath.Join(root, "docs", "icon.svg"))
	if err != nil {
		return nil, fmt.Errorf("icon: %w", err)
	}
	description, err := os.ReadFile(filepath.Join(root, "tools", "ship", "bundle", "description.md"))
	if err != nil {
		return nil, fmt.Errorf("description: %w", err)
	}
	examples, err := examples(root, version)
	if err != nil {
		return nil, err
	}
	annotations, err := annotations(image, date, examples, all)
	if err != nil {
		return nil, err
	}
	strategy, err := strategy(all)
	if err != nil {
		return nil, err
	}
	return object{
		"apiVersion": "operators.coreos.com/v1alpha1",
		"kind":       "ClusterServiceVersion",
		"metadata": object{
			"name": "killorder.v" + version, "namespace": "placeholder", "annotations": annotations,
			"labels": object{
				"operatorframework.io/arch.amd64": "supported", "operatorframework.io/arch.arm64": "supported",
				"operatorframework.io/os.linux": "supported",
			},
		},
		"spec": object{
			"displayName": "killorder", "description": string(description), "version": version,
			"maturity": "alpha", "minKubeVersion": minimumKube,
			"provider":    object{"name": "The killorder authors", "url": repository},
			"maintainers": []any{object{"name": "The killorder authors", "email": "maintainers@killorder.io"}},
			"keywords":    []any{"memory", "oom", "eviction", "node-pressure", "QoS", "monitoring"},
			"links": []any{
				object{"name": "Source", "url": repository},
				object{"name": "Install", "url": repository + "/blob/main/docs/install.md"},
				object{"name": "Findings", "url": repository + "/blob/main/docs/findings.md"},
				object{"name": "Runbooks", "url": repository + "/blob/main/docs/runbooks.md"},
				object{"name": "What killorder trusts", "url": repository + "/blob/main/docs/security.md"},
			},
			"icon":                      []any{object{"base64data": base64.StdEncoding.EncodeToString(icon), "mediatype": "image/svg+xml"}},
			"installModes":              installModes(),
			"relatedImages":             []any{object{"name": "manager", "image": image}},
			"customresourcedefinitions": object{"owned": owned()},
			"install":                   object{"strategy": "deployment", "spec": strategy},
		},
	}, nil
}

// installModes: a node's order is about all namespaces.
func installModes() []any {
	var modes []any
	for _, mode := range []string{"OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces"} {
		modes = append(modes, object{"type": mode, "supported": mode == "AllNamespaces"})
	}
	return modes
}

func annotations(image, date, examples string, all []*unstructured.Unstructured) (object, error) {
	namespaces := objects.Kinds(all, "Namespace")
	if len(namespaces) != 1 {
		return nil, fmt.Errorf("want one Namespace in config/default, found %d", len(namespaces))
	}
	template, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": object{"name": namespaces[0].GetName(), "labels": unmanaged(namespaces[0].GetLabels())},
	})
	if err != nil {
		return nil, fmt.Errorf("namespace: %w", err)
	}
	a := object{
		"alm-examples": examples, "capabilities": "Basic Install", "categories": "Monitoring, Observability",
		"certified": "false", "containerImage": image, "createdAt": date + "T00:00:00Z",
		"description": "For each node, who dies first when memory runs out, whether that is the right one, and what to change",
		"repository":  repository, "support": repository + "/issues",
		"operatorframework.io/suggested-namespace":          namespaces[0].GetName(),
		"operatorframework.io/suggested-namespace-template": string(template),
		"operatorframework.io/cluster-monitoring":           "true",
	}
	for feature, has := range map[string]bool{
		"disconnected": true, "fips-compliant": false, "proxy-aware": false, "tls-profiles": false, "cnf": false, "cni": false,
		"csi": false, "token-auth-aws": false, "token-auth-azure": false, "token-auth-gcp": false,
	} {
		a["features.operators.openshift.io/"+feature] = fmt.Sprint(has)
	}
	return a, nil
}

// examples are one object of each kind, as the console offers them.
func examples(root, version string) (string, error) {
	rendered, err := objects.Render(root, "config/samples", version)
	if err != nil {
		return "", err
	}
	samples, err := objects.Parse(rendered)
	if err != nil {
		return "", err
	}
	all := []any{}
	for _, s := range samples {
		all = append(all, s.Object)
	}
	// The operator makes one for each Node; nobody creates them by hand.
	all = append(all, object{
		"apiVersion": "killorder.io/v1alpha1", "kind": "NodeKillOrder", "metadata": object{"name": "worker-1"}, "spec": object{},
	})
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return "", fmt.Errorf("examples: %w", err)
	}
	return string(text), nil
}

// strategy is the deployment and, for each account, the rules of every role that a binding gives it.
func strategy(all []*unstructured.Unstructured) (object, error) {
	deployments := objects.Kinds(all, "Deployment")
	if len(deployments) != 1 {
		return nil, fmt.Errorf("want one Deployment in config/default, found %d", len(deployments))
	}
	d := deployments[0]
	s := object{"deployments": []any{object{"name": d.GetName(), "label": unmanaged(d.GetLabels()), "spec": d.Object["spec"]}}}
	for field, kinds := range map[string][2]string{
		"clusterPermissions": {"ClusterRoleBinding", "ClusterRole"}, "permissions": {"RoleBinding", "Role"},
	} {
		granted, err := permissions(all, kinds[0], kinds[1])
		if err != nil {
			return nil, err
		}
		s[field] = granted
	}
	return s, nil
}

func permissions(all []*unstructured.Unstructured, bindings, roles string) ([]any, error) {
	rules := map[string][]any{}
	for _, b := range objects.Kinds(all, bindings) {
		role, _, _ := unstructured.NestedString(b.Object, "roleRef", "name")
		found := slices.IndexFunc(objects.Kinds(all, roles), func(r *unstructured.Unstructured) bool { return r.GetName() == role })
		if found < 0 {
			return nil, fmt.Errorf("%s %s: no %s %s", bindings, b.GetName(), roles, role)
		}
		of, _, _ := unstructured.NestedSlice(objects.Kinds(all, roles)[found].Object, "rules")
		subjects, _, _ := unstructured.NestedSlice(b.Object, "subjects")
		for _, subject := range subjects {
			account, _, _ := unstructured.NestedString(subject.(object), "name")
			rules[account] = append(rules[account], of...)
		}
	}
	var granted []any
	for account, of := range rules {
		granted = append(granted, object{"serviceAccountName": account, "rules": of})
	}
	slices.SortFunc(granted, func(a, b any) int {
		return strings.Compare(a.(object)["serviceAccountName"].(string), b.(object)["serviceAccountName"].(string))
	})
	return granted, nil
}

// bound says whether an operator's own binding uses a role, so that the ClusterServiceVersion has its rules.
func bound(all []*unstructured.Unstructured, role string) bool {
	return slices.ContainsFunc(objects.Kinds(all, "ClusterRoleBinding", "RoleBinding"), func(b *unstructured.Unstructured) bool {
		name, _, _ := unstructured.NestedString(b.Object, "roleRef", "name")
		return name == role
	})
}

// unmanaged leaves out who manages an object: that is the Operator Lifecycle Manager here.
func unmanaged(labels map[string]string) object {
	kept := object{}
	for name, value := range labels {
		if name != "app.kubernetes.io/managed-by" {
			kept[name] = value
		}
	}
	return kept
}
