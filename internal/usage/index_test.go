package usage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/usage"
)

// TestEveryPodIsFound: every pod is found while the number of pods grows from pass to pass, and while pods in several
// namespaces have the same name.
func TestEveryPodIsFound(t *testing.T) {
	clock := &fakeClock{now: start}
	store := usage.NewStore(keep, clock.Now)
	namespaces := []string{"a", "a-b", "b", "ab"}
	for round, pods := range []int{0, 1, 500, 501, 3000} {
		clock.now = start.Add(time.Duration(round) * time.Minute)
		pass := store.Begin()
		for i := range pods {
			p := reading(fmt.Sprintf("pod-%d", i/len(namespaces)), clock.now, int64(i)*4096)
			p.Namespace = []byte(namespaces[i%len(namespaces)])
			pass.Pod(p)
			pass.Pod(p) // a second time changes nothing
		}
		if got := pass.Commit(); got.Pods != pods {
			t.Errorf("%d pods, want %d", got.Pods, pods)
		}
		for i := range pods + len(namespaces) {
			got, ok := store.Pod(namespaces[i%len(namespaces)], fmt.Sprintf("pod-%d", i/len(namespaces)))
			if ok != (i < pods) || (ok && got.WorkingSet != int64(i)*4096) {
				t.Fatalf("of %d pods, number %d: %v %+v", pods, i, ok, got)
			}
		}
	}
}
