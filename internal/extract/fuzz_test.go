package extract_test

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// FuzzPod: whatever JSON decodes as a Pod becomes facts with amounts from 0 to facts.MaxBytes and an oom_score_adj
// from -997 to 1000, the same ones each time, and stays as it was.
func FuzzPod(f *testing.F) {
	for _, p := range []*podBuilder{
		pod("empty"),
		pod("plain").containers(container("app", "64Mi", "128Mi"), container("log", "", "")).running("app"),
		pod("sidecar").inits(sidecar("side", "1Gi", ""), container("init", "2Gi", "")).containers(container("app", "1", "")),
		pod("pod-level").podLevel(requirements(list("1", "4Gi"), list("", "8Gi"))).containers(container("app", "1Gi", "")).overhead("5Mi"),
		pod("absurd").containers(container("app", "8E", "8E"), container("log", "-8E", "1e-9")).overhead("8E").priority(2000000000),
		resizedPod(),
	} {
		data, err := json.Marshal(&p.Pod)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"spec":{"resources":{"requests":{"memory":"1Gi"}}}}`))
	f.Add([]byte(`{"status":{"initContainerStatuses":[{"name":"x"}],"allocatedResources":{"memory":"-1"}},"spec":{"initContainers":[{"name":"x"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p, before corev1.Pod
		if json.Unmarshal(data, &p) != nil || json.Unmarshal(data, &before) != nil {
			t.Skip("no JSON of a Pod: the API server stores none")
		}
		got := extract.Pod(&p)
		unchanged(t, &before, &p)
		unchanged(t, extract.Pod(&before), got)
		inBounds(t, &p, got)
		extract.Candidate(&p)
	})
}

func resizedPod() *podBuilder {
	return pod("resized").podLevel(requirements(list("", "4Gi"), nil)).
		containers(container("app", "2Gi", "")).inits(sidecar("side", "1Gi", "")).edit(func(p *corev1.Pod) {
		p.Status.AllocatedResources = list("1", "3Gi")
		p.Status.ContainerStatuses = []corev1.ContainerStatus{allocated("app", "1Gi")}
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{allocated("side", "")}
	})
}

func inBounds(t *testing.T, p *corev1.Pod, got *facts.Pod) {
	t.Helper()
	amounts := []int64{got.Request, got.Limit, got.AdjShare}
	for i := range got.Containers {
		amounts = append(amounts, got.Containers[i].Request, got.Containers[i].Limit)
		adj, err := oom.ScoreAdj(got, i, 16*GiB)
		if err != nil || adj < -997 || adj > 1000 || (adj == 1000) != (got.QOS == facts.BestEffort && !got.NodeCritical) {
			t.Errorf("container %d of a %s pod: oom_score_adj %d, %v", i, got.QOS, adj, err)
		}
	}
	for _, bytes := range amounts {
		if bytes < 0 || bytes > facts.MaxBytes {
			t.Errorf("%d bytes in %+v", bytes, got)
		}
	}
	if n := len(p.Spec.InitContainers) + len(p.Spec.Containers) + len(p.Spec.EphemeralContainers); len(got.Containers) != n {
		t.Errorf("%d containers of %d", len(got.Containers), n)
	}
}

// FuzzThreshold: what is taken for a threshold is one, on every node.
func FuzzThreshold(f *testing.F) {
	for _, s := range []string{"", "0", "0%", "100%", "100.0%", "5%", "99.99999999%", "1e-40%", "NaN%", "-0%", "0x1p-3%", "100Mi", "1e30", "-1", "5%%", "1e-99999999", "1E-99999999%"} {
		f.Add(s, 16*GiB)
	}
	f.Fuzz(func(t *testing.T, value string, capacity int64) {
		got, err := extract.Threshold(value)
		if err != nil {
			if got != (facts.Threshold{}) {
				t.Errorf("an error and a threshold: %v, %+v", err, got)
			}
			return
		}
		capacity = min(max(capacity, 0), facts.MaxBytes)
		bytes, set := got.Of(capacity)
		switch {
		case set != got.Set || (!set && bytes != 0):
			t.Errorf("%+v of %d is %d, %t", got, capacity, bytes, set)
		case bytes < 0 || bytes > facts.MaxBytes || (got.Fraction > 0 && bytes > capacity):
			t.Errorf("%+v of %d is %d", got, capacity, bytes)
		case got.Fraction < 0 || got.Fraction > 1 || (got.Fraction > 0 && got.Bytes > 0):
			t.Errorf("threshold %+v", got)
		}
	})
}
