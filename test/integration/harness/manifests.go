package harness

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Rendered objects of a folder of config/, by kubectl's own kustomize.
func Rendered(ctx context.Context, dir string) (objects []*unstructured.Unstructured) {
	ginkgo.GinkgoHelper()
	kubectl := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	out, err := exec.CommandContext(ctx, kubectl, "kustomize", filepath.Join(Root(), dir)).Output()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "kubectl kustomize %s; make test-integration sets KUBEBUILDER_ASSETS", dir)
	return parse(out)
}

// Documents of a YAML file of the repository.
func Documents(file string) []*unstructured.Unstructured {
	ginkgo.GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(Root(), file))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return parse(text)
}

func parse(text []byte) (objects []*unstructured.Unstructured) {
	ginkgo.GinkgoHelper()
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		o := &unstructured.Unstructured{}
		gomega.Expect(yaml.Unmarshal([]byte(document), &o.Object)).To(gomega.Succeed())
		objects = append(objects, o)
	}
	return objects
}

// Install creates the objects of a folder of config/ that are of some kinds.
func Install(ctx context.Context, k8s client.Client, dir string, kinds ...string) {
	ginkgo.GinkgoHelper()
	installed := map[string]bool{}
	for _, o := range Rendered(ctx, dir) {
		if slices.Contains(kinds, o.GetKind()) {
			gomega.Expect(k8s.Create(ctx, o)).To(gomega.Succeed())
			installed[o.GetKind()] = true
		}
	}
	gomega.Expect(installed).To(gomega.HaveLen(len(kinds)), "%s has some of each of %v", dir, kinds)
}

// As returns a kubeconfig whose user acts as another, with that user's rights.
func As(kubeconfig, user string) string {
	ginkgo.GinkgoHelper()
	text, err := os.ReadFile(kubeconfig)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	var config map[string]any
	gomega.Expect(yaml.Unmarshal(text, &config)).To(gomega.Succeed())
	for _, named := range config["users"].([]any) {
		named.(map[string]any)["user"].(map[string]any)["as"] = user
	}
	text, err = yaml.Marshal(config)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	path := filepath.Join(ginkgo.GinkgoT().TempDir(), "kubeconfig")
	gomega.Expect(os.WriteFile(path, text, 0o600)).To(gomega.Succeed())
	return path
}
