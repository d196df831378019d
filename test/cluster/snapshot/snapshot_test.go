package snapshot

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/test/cluster/scenario"
)

var update = flag.Bool("update", false, "rewrite examples/story")

// TestStory compares examples/story, the snapshot in the README's example of
// rank, with the end of the demo's scenario. `make generate` rewrites the folder.
func TestStory(t *testing.T) {
	const folder = "../../../examples/story"
	model, err := scenario.Load("../scenarios/story.yaml")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)
	want, err := Files(model, began, began.Add(model.Settled()))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := Write(folder, want); err != nil {
			t.Fatal(err)
		}
	}
	have := map[string][]byte{}
	err = fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		have[path], err = os.ReadFile(filepath.Join(folder, path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range want {
		if diff := cmp.Diff(string(want[path]), string(have[path])); diff != "" {
			t.Errorf("%s is not what the scenario says: run 'make generate' (-want +have)\n%.2000s", path, diff)
		}
		delete(have, path)
	}
	for path := range have {
		t.Errorf("%s does not come from the scenario: remove it", path)
	}
}

const classes = `
apiVersion: cluster.killorder.io/v1
kind: Scenario
priorityClasses: [{name: important, value: 100000}]
nodes: [{name: worker, capacity: {memory: 8Gi}}]
pods:
- {name: nothing, namespace: shop, priorityClass: important, containers: [{name: c}]}
- {name: some, namespace: shop, containers: [{name: c, requests: {memory: 1Gi}}]}
- {name: limits, namespace: shop, containers: [{name: c, limits: {cpu: 1, memory: 1Gi}}]}
- {name: unequal, namespace: shop, containers: [{name: c, requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 1, memory: 2Gi}}]}
- {name: sidecar, namespace: shop, containers: [{name: s, sidecar: true}, {name: c, limits: {cpu: 1, memory: 1Gi}}]}
- {name: static, namespace: kube-system, owner: Node, priorityClass: system-node-critical, containers: [{name: c, requests: {cpu: 1}}]}
`

// TestAdmit compares with the values that a real API server gives to these pods
// (a test in test/cluster/cluster reads such values from a real API server).
func TestAdmit(t *testing.T) {
	model, err := scenario.Parse([]byte(classes))
	if err != nil {
		t.Fatal(err)
	}
	type admitted struct {
		QoS      corev1.PodQOSClass
		Priority int32
	}
	want := map[string]admitted{
		"nothing":       {corev1.PodQOSBestEffort, 100_000},
		"some":          {corev1.PodQOSBurstable, 0},
		"limits":        {corev1.PodQOSGuaranteed, 0},
		"unequal":       {corev1.PodQOSBurstable, 0},
		"sidecar":       {corev1.PodQOSBurstable, 0},
		"static-worker": {corev1.PodQOSBurstable, 2_000_001_000},
	}
	have := map[string]admitted{}
	for _, p := range model.Nodes[0].Pods {
		object := pod(p, model.PriorityClasses, time.Now())
		have[p.Name] = admitted{object.Status.QOSClass, *object.Spec.Priority}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +have)\n%s", diff)
	}
}
