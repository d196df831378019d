package bundle

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/operator-framework/api/pkg/manifests"
	"github.com/operator-framework/api/pkg/validation"
	interfaces "github.com/operator-framework/api/pkg/validation/interfaces"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/killorder/killorder/tools/ship/broken"
	"github.com/killorder/killorder/tools/ship/objects"
)

const root = "../../.."

// validators are those that OperatorHub.io's pipeline runs, and the default ones.
var validators = map[string]interfaces.Validator{
	"Bundle":                   validation.BundleValidator,
	"ClusterServiceVersion":    validation.ClusterServiceVersionValidator,
	"CustomResourceDefinition": validation.CustomResourceDefinitionValidator,
	"OperatorHubV2":            validation.OperatorHubV2Validator,
	"StandardCapabilities":     validation.StandardCapabilitiesValidator,
	"StandardCategories":       validation.StandardCategoriesValidator,
	"GoodPractices":            validation.GoodPracticesValidator,
	"MultipleArchitectures":    validation.MultipleArchitecturesValidator,
	"Object":                   validation.ObjectValidator,
}

// complaints of all validators, warnings too, each with its validator's name.
func complaints(t *testing.T, dir string) string {
	t.Helper()
	b, err := manifests.GetBundleFromDir(dir)
	if err != nil {
		return err.Error()
	}
	given := b.ObjectsToValidate()
	given = append(given, map[string]string{"k8s-version": minimumKube, "container-tools": "docker"})
	for _, o := range b.Objects {
		given = append(given, o)
	}
	var all strings.Builder
	for name, v := range validators {
		for _, result := range v.Validate(given...) {
			for _, e := range append(result.Errors, result.Warnings...) {
				all.WriteString(name + ": " + e.Error() + "\n")
			}
		}
	}
	return all.String()
}

// containerTool answers what platforms an image has, in place of a registry that does not have ours yet.
func containerTool(t *testing.T, architectures ...string) {
	t.Helper()
	var list []string
	for _, a := range architectures {
		list = append(list, `{"platform":{"architecture":"`+a+`","os":"linux"}}`)
	}
	tool := filepath.Join(t.TempDir(), "docker")
	script := "#!/bin/sh\n[ \"$1\" = manifest ] && echo '{\"manifests\":[" + strings.Join(list, ",") + "]}'\nexit 0\n"
	if err := os.WriteFile(tool, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(tool)+":"+os.Getenv("PATH"))
}

// Our bundle leaves no validator anything to say, and each finds its own fault in a broken copy.
func TestValidators(t *testing.T) {
	const csv = "manifests/killorder.clusterserviceversion.yaml"
	for name, tc := range map[string]struct {
		file, find, put string
		image           []string // its architectures; none means those that it has
		want            string   // a complaint that begins so; empty: none at all
	}{
		"as it is":               {},
		"an image for one only":  {image: []string{"amd64"}, want: "MultipleArchitectures"},
		"an image for more":      {image: []string{"amd64", "arm64", "s390x"}, want: "MultipleArchitectures"},
		"a kind is missing":      {file: "manifests/killorder.io_nodekillorders.yaml", find: "kind: NodeKillOrder\n", put: "kind: Other\n", want: "Bundle"},
		"no example of a kind":   {file: csv, find: `"kind": "NodeKillOrder"`, put: `"kind": "Unknown"`, want: "ClusterServiceVersion"},
		"no install mode":        {file: csv, find: "  installModes:", put: "  noInstallModes:", want: "ClusterServiceVersion"},
		"a kind without version": {file: "manifests/killorder.io_nodekillorders.yaml", find: "storage: true", put: "storage: false", want: "CustomResourceDefinition"},
		"no provider":            {file: csv, find: "  provider:\n    name: The killorder authors", put: "  provider:\n    name: ''", want: "OperatorHubV2"},
		"a maintainer's address": {file: csv, find: "email: maintainers@killorder.io", put: "email: nobody", want: "OperatorHubV2"},
		"a capability":           {file: csv, find: "capabilities: Basic Install", put: "capabilities: Everything", want: "StandardCapabilities"},
		"a category":             {file: csv, find: "categories: Monitoring, Observability", put: "categories: Magic", want: "StandardCategories"},
		"a channel":              {file: "metadata/annotations.yaml", find: "channels.v1: candidate", put: "channels.v1: whatever", want: "GoodPractices"},
		"no requests":            {file: csv, find: "                  requests:", put: "                  others:", want: "GoodPractices"},
		"rights over kinds":      {file: csv, find: "        - apiGroups:\n          - metrics.k8s.io", put: "        - apiGroups:\n          - apiextensions.k8s.io\n          resources: [customresourcedefinitions]\n          verbs: [create]\n        - apiGroups:\n          - metrics.k8s.io", want: "GoodPractices"},
		"a budget that blocks":   {file: "manifests/killorder-manager_poddisruptionbudget.yaml", find: "maxUnavailable: 1", put: "maxUnavailable: 0", want: "Object"},
		"the cluster's default":  {file: "manifests/killorder-manager_priorityclass.yaml", find: "globalDefault: false", put: "globalDefault: true", want: "Object"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "bundle")
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "bundle"))); err != nil {
				t.Fatal(err)
			}
			if tc.file != "" {
				broken.ReplaceOnce(t, filepath.Join(dir, tc.file), tc.find, tc.put)
			}
			if tc.image == nil {
				tc.image = []string{"amd64", "arm64"}
			}
			containerTool(t, tc.image...)
			got := complaints(t, dir)
			if tc.want == "" && got != "" {
				t.Errorf("complaints:\n%s", got)
			}
			if tc.want != "" && !strings.Contains("\n"+got, "\n"+tc.want+": ") {
				t.Errorf("want a complaint of %s, got\n%s", tc.want, got)
			}
		})
	}
}

// The rights in the bundle are those of config/, account by account.
func TestRights(t *testing.T) {
	b, err := manifests.GetBundleFromDir(filepath.Join(root, "bundle"))
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := objects.Render(root, "config/default", b.CSV.Spec.Version.String())
	if err != nil {
		t.Fatal(err)
	}
	all, err := objects.Parse(rendered)
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]int{}, map[string]int{}
	for _, p := range b.CSV.Spec.InstallStrategy.StrategySpec.ClusterPermissions {
		count(got, "cluster "+p.ServiceAccountName, p.Rules)
	}
	for _, p := range b.CSV.Spec.InstallStrategy.StrategySpec.Permissions {
		count(got, "namespace "+p.ServiceAccountName, p.Rules)
	}
	for _, u := range objects.Kinds(all, "ClusterRoleBinding") {
		countBound(t, want, "cluster", u, objects.Kinds(all, "ClusterRole"))
	}
	for _, u := range objects.Kinds(all, "RoleBinding") {
		countBound(t, want, "namespace", u, objects.Kinds(all, "Role"))
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("rights (-config +bundle):\n%s", diff)
	}
}

// count rules one verb, one resource at a time.
func count(in map[string]int, who string, rules []rbacv1.PolicyRule) {
	for _, r := range rules {
		for _, verb := range r.Verbs {
			for _, group := range r.APIGroups {
				for _, resource := range r.Resources {
					in[strings.Join([]string{who, verb, group, resource, strings.Join(r.ResourceNames, ",")}, " ")]++
				}
			}
		}
	}
}

func countBound(t *testing.T, in map[string]int, scope string, u *unstructured.Unstructured, roles []*unstructured.Unstructured) {
	t.Helper()
	var binding rbacv1.ClusterRoleBinding
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &binding); err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		var role rbacv1.ClusterRole
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(r.Object, &role); err != nil {
			t.Fatal(err)
		}
		for _, s := range binding.Subjects {
			if role.Name == binding.RoleRef.Name {
				count(in, scope+" "+s.Name, role.Rules)
			}
		}
	}
}

// opm accepts the catalog, and none of the broken copies.
func TestCatalog(t *testing.T) {
	for name, tc := range map[string]struct {
		file, find, put string
		want            string
	}{
		"as it is":                 {},
		"a channel of nothing":     {"package.yaml", "- name: killorder.v", "- name: other.v", "not found"},
		"a default that is not":    {"package.yaml", "defaultChannel: candidate", "defaultChannel: stable", "stable"},
		"another package's bundle": {"bundle.yaml", "package: killorder", "package: another", "another"},
		"no form":                  {"package.yaml", "schema: olm.package", "schema: [", "yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "catalog")
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "catalog"))); err != nil {
				t.Fatal(err)
			}
			if tc.file != "" {
				broken.ReplaceOnce(t, filepath.Join(dir, "killorder", tc.file), tc.find, tc.put)
			}
			out, err := exec.Command(filepath.Join(root, "bin", "tools", "opm"), "validate", dir).CombinedOutput()
			if tc.want == "" && err != nil {
				t.Errorf("opm validate: %v\n%s", err, out)
			}
			if tc.want != "" && (err == nil || !strings.Contains(string(out), tc.want)) {
				t.Errorf("opm validate: want an error with %q, got %v\n%s", tc.want, err, out)
			}
		})
	}
}

// The layout of community-operators is a folder a version that is a bundle, and a ci.yaml beside it.
func TestCommunity(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "bundle"), os.DirFS(filepath.Join(root, "bundle"))); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over what the first left
		if err := Community(dir, "0.1.0"); err != nil {
			t.Fatal(err)
		}
	}
	operator := filepath.Join(dir, "bin", "community-operators", "operators", "killorder")
	if _, err := os.Stat(filepath.Join(operator, "ci.yaml")); err != nil {
		t.Error(err)
	}
	containerTool(t, "amd64", "arm64")
	if got := complaints(t, filepath.Join(operator, "0.1.0")); got != "" {
		t.Error(got)
	}
}
