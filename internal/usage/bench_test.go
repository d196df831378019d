package usage_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

// benchPods is a large cluster's number of pods, one in two of them of two containers, with names of 37 characters.
const (
	benchPods       = 150_000
	benchContainers = benchPods * 3 / 2
)

type benchReadings struct {
	pod        usage.Pod
	containers []usage.Container
	// byKubelet: with RSS and swap of every container and the pod's own working set, which only kubelets know.
	byKubelet bool
}

func newBenchReadings(byKubelet bool) *benchReadings {
	b := &benchReadings{pod: usage.Pod{WorkingSet: facts.Unknown}, byKubelet: byKubelet}
	for _, name := range []string{"app", "sidecar"} {
		b.containers = append(b.containers, usage.Container{Name: []byte(name), ContainerUsage: facts.NoContainerUsage})
	}
	return b
}

// fill hands over every pod as a source does, in the same buffers.
func (b *benchReadings) fill(pass *usage.Pass, at time.Time) {
	b.pod.ObservedAt = at
	for i := range benchPods {
		b.pod.Namespace = fmt.Appendf(b.pod.Namespace[:0], "team-%03d", i%200)
		b.pod.Name = fmt.Appendf(b.pod.Name[:0], "payments-api-worker-%010d-%06d", i/30, i)
		b.containers[0].WorkingSet, b.containers[1].WorkingSet = int64(i)*4096, mib
		if b.byKubelet {
			b.pod.Source, b.pod.WorkingSet = facts.SourceKubelet, int64(i)*4096+2*mib
			b.containers[0].RSS, b.containers[1].RSS = int64(i)*3072, mib/2
			b.containers[0].Swap, b.containers[1].Swap = mib, 0
		}
		b.pod.Containers = b.containers[:1+i%2]
		pass.Pod(&b.pod)
	}
}

// maxBytes is what a container may take.
const maxBytes = 100

// BenchmarkStoreMemory reports what a container takes once the history is full, and what a pass costs.
func BenchmarkStoreMemory(b *testing.B) {
	b.Run("working sets", func(b *testing.B) { benchmarkStore(b, newBenchReadings(false)) })
	b.Run("with RSS", func(b *testing.B) { benchmarkStore(b, newBenchReadings(true)) })
}

func benchmarkStore(b *testing.B, readings *benchReadings) {
	b.Helper()
	clock := &fakeClock{now: start}
	before := heap()
	store := usage.NewStore(keep, clock.Now)
	pass := func() {
		clock.now = clock.now.Add(30 * time.Second)
		p := store.Begin()
		readings.fill(p, clock.now)
		p.Commit()
	}
	for range 40 { // 20 minutes
		pass()
	}
	used := float64(heap() - before)
	b.ReportAllocs()
	for b.Loop() {
		pass()
	}
	b.ReportMetric(used/benchContainers, "bytes/container")
	b.ReportMetric(used/benchPods, "bytes/pod")
	if used > maxBytes*benchContainers {
		b.Errorf("more than %d bytes a container", maxBytes)
	}
	runtime.KeepAlive(store)
}

// BenchmarkPod looks up one reading.
func BenchmarkPod(b *testing.B) {
	clock := &fakeClock{now: start}
	store := usage.NewStore(keep, clock.Now)
	for range 10 {
		clock.now = clock.now.Add(75 * time.Second)
		p := store.Begin()
		newBenchReadings(false).fill(p, clock.now)
		p.Commit()
	}
	name := fmt.Sprintf("payments-api-worker-%010d-%06d", 4000/30, 4000)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := store.Pod("team-000", name); !ok {
			b.Fatal("not found")
		}
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
