package usage_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/usage"
)

// benchPods is a large cluster's number of pods.
const benchPods = 150_000

// benchReadings are of pods with names of 37 characters.
type benchReadings struct {
	pods int
	// twoIn: one of every twoIn pods has two containers, the others have one.
	twoIn      int
	pod        usage.Pod
	containers []usage.Container
	// byKubelet: with RSS and swap of every container and the pod's own working set, which only kubelets know.
	byKubelet bool
}

func newBenchReadings(pods, twoIn int, byKubelet bool) *benchReadings {
	b := &benchReadings{pods: pods, twoIn: twoIn, pod: usage.Pod{WorkingSet: facts.Unknown}, byKubelet: byKubelet}
	for _, name := range []string{"app", "sidecar"} {
		b.containers = append(b.containers, usage.Container{Name: []byte(name), ContainerUsage: facts.NoContainerUsage})
	}
	return b
}

// fill hands over every pod as a source does, in the same buffers.
func (b *benchReadings) fill(pass *usage.Pass, at time.Time) {
	b.pod.ObservedAt = at
	for i := range b.pods {
		b.pod.Namespace = fmt.Appendf(b.pod.Namespace[:0], "team-%03d", i%200)
		b.pod.Name = fmt.Appendf(b.pod.Name[:0], "payments-api-worker-%010d-%06d", i/30, i)
		b.containers[0].WorkingSet, b.containers[1].WorkingSet = int64(i)*4096, mib
		if b.byKubelet {
			b.pod.Source, b.pod.WorkingSet = facts.SourceKubelet, int64(i)*4096+2*mib
			b.containers[0].RSS, b.containers[1].RSS = int64(i)*3072, mib/2
			b.containers[0].Swap, b.containers[1].Swap = mib, 0
		}
		b.pod.Containers = b.containers[:1]
		if i%b.twoIn == 0 {
			b.pod.Containers = b.containers
		}
		pass.Pod(&b.pod)
	}
}

func (b *benchReadings) containerCount() int { return b.pods + b.pods/b.twoIn }

// filled returns a store after the given number of passes over these readings, half a minute apart, a function that makes
// the next pass, and the memory of the store on the heap, in bytes.
func (b *benchReadings) filled(passes int) (store *usage.Store, next func(), bytes float64) {
	clock := &fakeClock{now: start}
	before := factstest.Heap()
	store = usage.NewStore(keep, clock.Now)
	next = func() {
		clock.now = clock.now.Add(30 * time.Second)
		p := store.Begin()
		b.fill(p, clock.now)
		p.Commit()
	}
	for range passes {
		next()
	}
	return store, next, float64(factstest.Heap() - before)
}

// fullHistory is the number of passes after which the history does not grow any more: 20 minutes of passes.
const fullHistory = 40

// mixes of pods, and the most bytes that a container may take in a large store whose history is full.
var mixes = []struct {
	name      string
	twoIn     int
	byKubelet bool
	mostBytes float64
}{
	{"working sets", 2, false, 70},
	{"with RSS and swap", 2, true, 80},
	{"with RSS and swap, two containers each", 1, true, 65},
	{"with RSS and swap, one container each", benchPods, true, 105},
}

// TestStoreMemory allows a tenth more than mixes says: its store has fewer pods, so each pod has a larger part of the fixed
// cost.
func TestStoreMemory(t *testing.T) {
	for _, m := range mixes {
		t.Run(m.name, func(t *testing.T) {
			readings := newBenchReadings(3_000, m.twoIn, m.byKubelet)
			store, _, bytes := readings.filled(fullHistory)
			got := bytes / float64(readings.containerCount())
			t.Logf("%.0f bytes a container", got)
			if got > m.mostBytes*1.1 {
				t.Errorf("more than a tenth above %.0f bytes", m.mostBytes)
			}
			runtime.KeepAlive(store)
		})
	}
}

// BenchmarkStoreMemory reports what a container takes once the history is full, and what a pass costs.
func BenchmarkStoreMemory(b *testing.B) {
	for _, m := range mixes {
		b.Run(m.name, func(b *testing.B) { benchmarkStore(b, newBenchReadings(benchPods, m.twoIn, m.byKubelet), m.mostBytes) })
	}
}

func benchmarkStore(b *testing.B, readings *benchReadings, mostBytes float64) {
	b.Helper()
	store, next, bytes := readings.filled(fullHistory)
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
	b.ReportMetric(bytes/float64(readings.containerCount()), "bytes/container")
	b.ReportMetric(bytes/float64(readings.pods), "bytes/pod")
	if bytes > mostBytes*float64(readings.containerCount()) {
		b.Errorf("more than %.0f bytes a container", mostBytes)
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
		newBenchReadings(benchPods, 2, false).fill(p, clock.now)
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
