package api

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/integration/harness"
)

// Each folder of testdata/versions holds a version of the CRDs that clusters may have, and objects with every field of
// that version. A release adds one. The folder 2026-11-24 is the first version of the API, which was never released:
// lost.txt names the field that was renamed since.
var _ = Describe("an upgrade of the CRDs", Ordered, func() {
	versions, err := os.ReadDir("testdata/versions")
	if err != nil || len(versions) == 0 {
		panic("testdata/versions holds no version")
	}
	AfterAll(func() { installed(filepath.Join(harness.Root(), "config", "crd", "bases")) })

	for _, version := range versions {
		dir := filepath.Join("testdata", "versions", version.Name())

		It("from "+version.Name()+" loses nothing", func(ctx SpecContext) {
			installed(filepath.Join(dir, "crds"))
			node := createNode(ctx, "worker-1")
			var before []*unstructured.Unstructured
			for _, o := range harness.Documents(filepath.Join("test", "integration", "api", dir, "objects.yaml")) {
				if o.GetName() == node.Name {
					o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}})
				}
				before = append(before, stored(ctx, o))
			}
			installed(filepath.Join(harness.Root(), "config", "crd", "bases"))

			for _, was := range before {
				is := read(ctx, was)
				expectEqual(was, is, lost(dir), "as read")
				Expect(k8s.Status().Update(ctx, is)).To(Succeed(), "a client that writes the status back")
				expectEqual(was, read(ctx, was), lost(dir), "written back")
			}

			By("starting the operator on them")
			harness.StartOperator(manager, harness.WriteKubeconfig(env), "--leader-elect=false", "--usage-interval=5s")
			order := &v1alpha1.NodeKillOrder{}
			Eventually(func(g Gomega) {
				g.Expect(k8s.Get(ctx, client.ObjectKey{Name: node.Name}, order)).To(Succeed())
				g.Expect(order.Status.LastChangedAt).To(HaveField("Time", BeTemporally(">", node.CreationTimestamp.Add(-time.Second))))
			}, 3*time.Minute, 200*time.Millisecond).Should(Succeed(),
				"after maxAgeSeconds without readings, the operator writes the order that an older one left")
			Expect(order.Labels).To(HaveKeyWithValue("team", "payments"))
			Expect(order.Annotations).To(HaveKeyWithValue("note", "written by hand"))
			Expect(order.Status.Kills).To(ConsistOf(And(HaveField("Pod", "data-pipeline-0"), HaveField("Message", "The container reached its limit."))))
			policy := &v1alpha1.KillOrderPolicy{}
			Eventually(func(g Gomega) {
				g.Expect(k8s.Get(ctx, client.ObjectKey{Name: v1alpha1.PolicyName}, policy)).To(Succeed())
				g.Expect(policy.Status.LastPassAt).To(HaveField("Time", BeTemporally(">", node.CreationTimestamp.Add(-time.Second))))
			}, 90*time.Second, 200*time.Millisecond).Should(Succeed(), "the operator writes the roll-up")
			Expect(read(ctx, before[0]).Object["spec"]).To(Equal(before[0].Object["spec"]), "the policy is its users'")
		}, SpecTimeout(10*time.Minute))
	}
})

// createNode makes a Linux node of 16Gi.
func createNode(ctx context.Context, name string) *corev1.Node {
	GinkgoHelper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(k8s.Create(ctx, node)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, node)).To(Succeed()) })
	node.Status.Capacity = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("16Gi")}
	Expect(k8s.Status().Update(ctx, node)).To(Succeed())
	return node
}

// installed applies CRDs in place of those that are there, and waits until the API server serves them.
func installed(folder string) {
	GinkgoHelper()
	_, err := envtest.InstallCRDs(env.Config, envtest.CRDInstallOptions{Paths: []string{folder}, ErrorIfPathMissing: true})
	Expect(err).NotTo(HaveOccurred())
}

// stored creates an object with its status, and returns what the API server made of it.
func stored(ctx context.Context, o *unstructured.Unstructured) *unstructured.Unstructured {
	GinkgoHelper()
	status := o.Object["status"]
	Expect(k8s.Create(ctx, o)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, o))).To(Succeed()) })
	o.Object["status"] = status
	Expect(k8s.Status().Update(ctx, o)).To(Succeed())
	written := read(ctx, o)
	o.Object["status"] = status
	expectEqual(o, written, nil, "as that version stores it: every field of objects.yaml is one of its own")
	return written
}

func read(ctx context.Context, o *unstructured.Unstructured) *unstructured.Unstructured {
	GinkgoHelper()
	is := &unstructured.Unstructured{}
	is.SetGroupVersionKind(o.GroupVersionKind())
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(o), is)).To(Succeed())
	return is
}

// expectEqual compares the leaves of spec and status, but for those that are known to be lost.
func expectEqual(was, is *unstructured.Unstructured, lost []string, when string) {
	GinkgoHelper()
	want := map[string]any{}
	leaves(want, "spec", was.Object["spec"])
	leaves(want, "status", was.Object["status"])
	got := map[string]any{}
	leaves(got, "spec", is.Object["spec"])
	leaves(got, "status", is.Object["status"])
	for path := range want {
		if slices.Contains(lost, generic(path)) {
			delete(want, path)
		}
	}
	for path := range got {
		if _, known := want[path]; !known { // a default of the newer version
			delete(got, path)
		}
	}
	Expect(cmp.Diff(want, got)).To(BeEmpty(), "%s %s, %s", was.GetKind(), was.GetName(), when)
}

// leaves collects the values of an object under their paths.
func leaves(into map[string]any, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, element := range v {
			leaves(into, path+"."+key, element)
		}
	case []any:
		for i, element := range v {
			leaves(into, fmt.Sprintf("%s[%d]", path, i), element)
		}
	default:
		into[path] = fmt.Sprint(v) // a whole number is int64 or float64, by who decoded it
	}
}

var index = regexp.MustCompile(`\[\d+\]`)

// generic is a path that stands for every element of its lists.
func generic(path string) string { return index.ReplaceAllString(path, "[]") }

// lost paths of a version, from its lost.txt; most have none.
func lost(dir string) []string {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(dir, "lost.txt"))
	if !os.IsNotExist(err) {
		Expect(err).NotTo(HaveOccurred())
	}
	return strings.Fields(string(text))
}
