package podcache

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/facts/factstest"
)

// hugePod is about the largest Pod of each kind that an API server may hold, and a hostile tenant can write.
func hugePod(i int) *corev1.Pod {
	b := buildPod(fmt.Sprint("huge-", i), "n1")
	b.p.Annotations = map[string]string{"notes": strings.Repeat("x", 256<<10)}
	b.p.OwnerReferences = []metav1.OwnerReference{{Kind: strings.Repeat("K", 256<<10), Name: strings.Repeat("n", 256<<10), Controller: new(true)}}
	for l := range 10_000 {
		b.p.Labels[fmt.Sprintf("label-%d-%d", i, l)] = fmt.Sprintf("value-%d-%d", i, l)
	}
	for c := range 10_000 {
		b.container(fmt.Sprintf("container-%d-%d", i, c), 1, int64(c%2)) // every other one runs
	}
	return &b.p
}

// maxHeld is what a Pod may take in the cache, whatever the Pod's size, in bytes: 128 containers, 128 labels and their names
// take 55 kB. The Pods of the test have more than 3 MB each.
const maxHeld = 64 << 10

// TestHugePodsTakeLittle: Pods of 10,000 containers, 10,000 labels and 256 kB annotations take a bounded part of their
// size, none of which grows with the Pods, and the sum of what they request stays right.
func TestHugePodsTakeLittle(t *testing.T) {
	const pods = 4
	s := newStore()
	before := settledHeap(0)
	for i := range pods {
		if err := s.Add(hugePod(i)); err != nil {
			t.Fatal(err)
		}
	}
	taken := int64(settledHeap(before+pods*maxHeld)-before) / pods
	t.Logf("%d bytes a Pod", taken)
	if taken > maxHeld {
		t.Errorf("a Pod takes %d bytes, want at most %d", taken, maxHeld)
	}
	for _, p := range s.nodes["n1"] {
		if p.Request != 10_000<<20 || !p.AnyRunning() {
			t.Errorf("%s requests %d MiB and runs: %t; want 10000 and true", p.Name, p.Request>>20, p.AnyRunning())
		}
		if len(p.Workload.Kind) > 253 || len(p.Workload.Name) > 253 {
			t.Errorf("the names of its workload have %d and %d bytes", len(p.Workload.Kind), len(p.Workload.Name))
		}
	}
	runtime.KeepAlive(s)
}

// settledHeap is the heap once a few collections leave it as it is, or as small as is wanted, in bytes: package unique drops
// the strings that nobody needs in the background, some collections later, under the race detector many.
func settledHeap(wanted uint64) uint64 {
	least, same := factstest.Heap(), 0
	for same < 20 && least > wanted {
		now := factstest.Heap()
		if same++; now < least {
			least, same = now, 0
		}
	}
	return least
}
