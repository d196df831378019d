package scale

import (
	"runtime"
	"testing"
)

// maxBytes is what a container's readings may take.
const maxBytes = 100

// TestPasses reads all kubelets in time, and says what that takes.
func TestPasses(t *testing.T) {
	config := config(t)
	before, began := heldNow(t), memoryNow()
	r := newReader(t, config, kubelets.Nodes)
	for i := range *passes + 1 {
		p := r.pass(t)
		t.Logf("pass %d: %s", i+1, p.per(*nodes))
		if len(p.failures) > 0 || len(p.Dropped) > 0 || p.Nodes != *nodes || p.Pods != len(kubelets.Pods) {
			t.Errorf("pass %d: %d nodes and %d pods, want %d and %d; failures %v, dropped %v",
				i+1, p.Nodes, p.Pods, *nodes, len(kubelets.Pods), p.failures, p.Dropped)
		}
		if p.cpu > interval/2 {
			t.Errorf("pass %d took %s of a core", i+1, p.cpu)
		}
	}
	checkConfigs(t, r)
	before.eventually(t)
	reportMemory(t, r, began)
}

func checkConfigs(t *testing.T, r *reader) {
	t.Helper()
	for i := range kubelets.Nodes {
		n := kubelets.Nodes[i].Name
		if c := r.source.Config(n); c == nil {
			t.Fatalf("%s: no configuration: %s", n, r.source.Problem(n))
		}
		if r.source.NeedsOther(n) {
			t.Fatalf("%s is not read: %s", n, r.source.Problem(n))
		}
	}
}

// reportMemory says what the readings take and what the source does, by taking them away one after the other.
func reportMemory(t *testing.T, r *reader, began memory) {
	t.Helper()
	all := memoryNow()
	r.store = nil
	withoutStore := memoryNow()
	runtime.KeepAlive(r.source)
	r.source = nil
	end := memoryNow()
	perContainer := float64(all.heap-withoutStore.heap) / float64(kubelets.Containers)
	t.Logf("heap: readings %.1f MiB (%.1f bytes a container, %.1f a pod), source %.1f MiB (%d bytes a node), left behind %.1f MiB; stacks %.1f MiB",
		mib(all.heap-withoutStore.heap), perContainer, float64(all.heap-withoutStore.heap)/float64(len(kubelets.Pods)),
		mib(withoutStore.heap-end.heap), (withoutStore.heap-end.heap)/int64(*nodes), mib(end.heap-began.heap), mib(all.stacks))
	if perContainer > maxBytes {
		t.Errorf("readings take more than %d bytes a container", maxBytes)
	}
}
