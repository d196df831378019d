// Package bundle writes bundle/, what the Operator Lifecycle Manager installs, and the head of catalog/. Rights and deployment
// come from config/.
package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/tools/ship/objects"
)

const generated = "# Made by `make generate` from config/ and tools/ship/bundle. Change it there.\n"

// labels of the bundle, in its metadata and in its image.
var labels = [][2]string{
	{"operators.operatorframework.io.bundle.mediatype.v1", "registry+v1"},
	{"operators.operatorframework.io.bundle.manifests.v1", "manifests/"},
	{"operators.operatorframework.io.bundle.metadata.v1", "metadata/"},
	{"operators.operatorframework.io.bundle.package.v1", "killorder"},
	{"operators.operatorframework.io.bundle.channels.v1", channel},
	{"operators.operatorframework.io.bundle.channel.default.v1", channel},
	{"operators.operatorframework.io.test.mediatype.v1", "scorecard+v1"},
	{"operators.operatorframework.io.test.config.v1", "tests/scorecard/"},
	{"com.redhat.openshift.versions", openShift},
}

// Write makes the bundle, and the package and channel of the catalog.
func Write(root, version string) error {
	rendered, err := objects.Render(root, "config/default", version)
	if err != nil {
		return err
	}
	all, err := objects.Parse(rendered)
	if err != nil {
		return err
	}
	date, err := released(root, version)
	if err != nil {
		return err
	}
	files := map[string]any{}
	if files["bundle/manifests/killorder.clusterserviceversion.yaml"], err = csv(root, version, date, all); err != nil {
		return err
	}
	for _, u := range beside(all) {
		files["bundle/manifests/"+fileName(u)] = u.Object
	}
	metadata := object{}
	for _, l := range labels {
		metadata[l[0]] = l[1]
	}
	files["bundle/metadata/annotations.yaml"] = object{"annotations": metadata}
	files["bundle/tests/scorecard/config.yaml"] = scorecard()
	if err := os.RemoveAll(filepath.Join(root, "bundle")); err != nil { // what nothing makes any more goes
		return fmt.Errorf("the bundle before: %w", err)
	}
	for name, content := range files {
		text, err := yaml.Marshal(content)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := objects.Write(filepath.Join(root, name), append([]byte(generated), text...)); err != nil {
			return err
		}
	}
	if err := objects.Write(filepath.Join(root, "bundle.Dockerfile"), []byte(dockerfile())); err != nil {
		return err
	}
	return objects.Write(filepath.Join(root, "catalog", "killorder", "package.yaml"), []byte(catalogHead(version)))
}

// released reads the day of a version off CHANGELOG.md.
func released(root, version string) (string, error) {
	changes, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		return "", fmt.Errorf("day of the release: %w", err)
	}
	day := regexp.MustCompile(`(?m)^## v` + regexp.QuoteMeta(version) + `, (\d{4}-\d{2}-\d{2})$`).FindSubmatch(changes)
	if day == nil {
		return "", errors.New(`CHANGELOG.md: no heading "## v` + version + `, YEAR-MONTH-DAY"`)
	}
	return string(day[1]), nil
}

// beside is what a bundle holds next to the ClusterServiceVersion, whose own are the deployment, its accounts and their rights.
func beside(all []*unstructured.Unstructured) []*unstructured.Unstructured {
	var kept []*unstructured.Unstructured
	kinds := []string{"CustomResourceDefinition", "Service", "PodDisruptionBudget", "PriorityClass", "NetworkPolicy", "ClusterRole"}
	for _, u := range objects.Kinds(all, kinds...) {
		if u.GetKind() == "ClusterRole" && bound(all, u.GetName()) {
			continue
		}
		u = u.DeepCopy()
		u.SetNamespace("") // the manager's choice
		labels := map[string]string{}
		for name, value := range unmanaged(u.GetLabels()) {
			labels[name] = value.(string)
		}
		u.SetLabels(labels)
		kept = append(kept, u)
	}
	return kept
}

func fileName(u *unstructured.Unstructured) string {
	if u.GetKind() == "CustomResourceDefinition" {
		plural, group, _ := strings.Cut(u.GetName(), ".")
		return group + "_" + plural + ".yaml"
	}
	return u.GetName() + "_" + strings.ToLower(u.GetKind()) + ".yaml"
}

func dockerfile() string {
	var text strings.Builder
	text.WriteString(generated + "# The image of the bundle: files only, nothing runs.\nFROM scratch\n")
	for _, l := range labels {
		fmt.Fprintf(&text, "LABEL %s=%s\n", l[0], l[1])
	}
	text.WriteString("COPY bundle/manifests /manifests/\nCOPY bundle/metadata /metadata/\nCOPY bundle/tests/scorecard /tests/scorecard/\n")
	return text.String()
}

// catalogHead is the part of the catalog that does not come from the bundle; opm adds that one.
func catalogHead(version string) string {
	return generated + `schema: olm.package
name: killorder
defaultChannel: ` + channel + `
---
schema: olm.channel
package: killorder
name: ` + channel + `
entries:
- name: killorder.v` + version + `
`
}

// scorecard runs operator-sdk's own tests of a bundle.
func scorecard() object {
	test := func(entrypoint, suite, name string) object {
		return object{
			"image":      "quay.io/operator-framework/scorecard-test:v1.42.0",
			"entrypoint": []any{"scorecard-test", entrypoint},
			"labels":     object{"suite": suite, "test": name},
		}
	}
	return object{
		"apiVersion": "scorecard.operatorframework.io/v1alpha3", "kind": "Configuration", "metadata": object{"name": "config"},
		"stages": []any{object{"parallel": true, "tests": []any{
			test("basic-check-spec", "basic", "basic-check-spec-test"),
			test("olm-bundle-validation", "olm", "olm-bundle-validation-test"),
			test("olm-crds-have-validation", "olm", "olm-crds-have-validation-test"),
			test("olm-crds-have-resources", "olm", "olm-crds-have-resources-test"),
			test("olm-spec-descriptors", "olm", "olm-spec-descriptors-test"),
			test("olm-status-descriptors", "olm", "olm-status-descriptors-test"),
		}}},
	}
}
