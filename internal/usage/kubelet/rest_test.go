package kubelet

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/kubelet/summary"
)

func TestRestPasses(t *testing.T) {
	for name, tc := range map[string]struct {
		maxAge, interval time.Duration
		want             int
	}{
		"the defaults":                      {3 * time.Minute, 30 * time.Second, 4},
		"a pass each minute":                {3 * time.Minute, time.Minute, 1},
		"a pass each five minutes":          {3 * time.Minute, 5 * time.Minute, 1},
		"a pass each five seconds":          {3 * time.Minute, 5 * time.Second, mostPasses},
		"readings that may be old":          {time.Hour, 30 * time.Second, mostPasses},
		"readings that are soon stale":      {time.Minute, 30 * time.Second, 1},
		"readings that are stale at once":   {time.Second, 30 * time.Second, 1},
		"one failed request in two minutes": {2 * time.Minute, 30 * time.Second, 2},
		"just stale after a failed request": {119 * time.Second, 30 * time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := restPasses(tc.maxAge, tc.interval, min(patience, tc.interval/6)); got != tc.want {
				t.Errorf("in each %d passes, want %d", got, tc.want)
			}
		})
	}
}

// resting is a rig of eight kubelets on quiet nodes, at the default interval.
type resting struct {
	*rig
	quiet  map[string]time.Duration
	passes int
}

func newResting(t *testing.T) *resting {
	t.Helper()
	r, fakes := &resting{quiet: map[string]time.Duration{}}, make([]*fake, 8)
	for i := range fakes {
		fakes[i] = newFake(t, fmt.Sprint("worker-", i))
		r.quiet[fakes[i].node.Name] = 150 * time.Second
	}
	r.rig = newRig(t, 30*time.Second, fakes...)
	r.Quiet = func(node string) time.Duration { return r.quiet[node] }
	r.MaxAge = func() time.Duration { return 3 * time.Minute }
	return r
}

// next makes the next pass and returns the numbers of the kubelets that it asked. Whether a kubelet rests must agree.
func (r *resting) next(t *testing.T) (asked []int) {
	t.Helper()
	before := make([]int32, len(r.fakes))
	for i, f := range r.fakes {
		before[i] = f.asked.Load()
	}
	_, failures := r.at(t, time.Duration(r.passes)*30*time.Second)
	r.passes++
	for i, f := range r.fakes {
		was := f.asked.Load() > before[i]
		if was {
			asked = append(asked, i)
		}
		if r.Rests(f.node.Name) == was {
			t.Errorf("pass %d: Rests is wrong of %s", r.passes, f.node.Name)
		}
	}
	for _, f := range failures {
		if f.Cause != usage.FailedOther {
			t.Errorf("pass %d: %v", r.passes, f)
		}
	}
	return asked
}

func (r *resting) expect(t *testing.T, what string, want ...int) {
	t.Helper()
	if diff := cmp.Diff(want, r.next(t)); diff != "" {
		t.Errorf("pass %d, %s: asked (-want +got):\n%s", r.passes, what, diff)
	}
}

// Kubelets of quiet nodes are asked in each fourth pass, a quarter of them in each. Resting is not failing: no other source is needed.
func TestQuietNodesAreAskedLessOften(t *testing.T) {
	r := newResting(t)
	r.expect(t, "never read", 0, 1, 2, 3, 4, 5, 6, 7)
	for range 3 {
		r.expect(t, "the first quarter", 0, 1)
		r.expect(t, "the second quarter", 2, 3)
		r.expect(t, "the third quarter", 4, 5)
		r.expect(t, "the last quarter", 6, 7)
		if r.AnyNeedsOther() || r.NeedsOther("worker-5") || r.Problem("worker-5") != "" {
			t.Error("a kubelet that rests counts as failing")
		}
	}
	if results, configs := r.Results(); results[resultAnswered] != 8 || configs != 8 {
		t.Errorf("results %v, %d configurations", results, configs)
	}
}

// Whatever ends the quiet makes the very next pass ask the kubelet.
func TestWhatEndsTheRest(t *testing.T) {
	for name, end := range map[string]func(*resting){
		"the node is not quiet":          func(r *resting) { r.quiet["worker-5"] = 0 },
		"the node is not quiet for long": func(r *resting) { r.quiet["worker-5"] = 149 * time.Second },
		"another address":                func(r *resting) { r.nodes[5].Host = "localhost" },
		"a boot":                         func(r *resting) { r.nodes[5].BootID = "boot-2" },
		"an update":                      func(r *resting) { r.nodes[5].Version = "v1.38.0" },
		"another Node of the name":       func(r *resting) { r.nodes[5].UID = "another" },
		"the policy wants newer ones": func(r *resting) {
			r.MaxAge = func() time.Duration { return time.Minute }
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newResting(t)
			r.next(t)
			r.next(t)
			end(r) // else the kubelet would be asked in the pass after the next
			r.at(t, time.Duration(r.passes)*30*time.Second)
			if r.Rests("worker-5") {
				t.Error("the kubelet rests")
			}
		})
	}
}

// A kubelet that fails when its turn comes is asked in each pass until it answers.
func TestFailingKubeletsDoNotRest(t *testing.T) {
	r := newResting(t)
	r.next(t)
	r.fakes[0].stats = status(500)
	r.expect(t, "it fails", 0, 1)
	healthy := newFake(t, "worker-0").stats
	r.fakes[0].stats = healthy
	r.expect(t, "asked again, with the next quarter", 0, 2, 3)
	r.expect(t, "it rests again", 4, 5)
}

// Kubelets whose turn would come too late are asked beyond the pass's share: here most of the nodes stop being quiet, so that the
// share shrinks.
func TestNoKubeletRestsTooLong(t *testing.T) {
	r := newResting(t)
	r.next(t)
	r.expect(t, "the first quarter", 0, 1)
	for _, node := range []string{"worker-0", "worker-1"} {
		r.quiet[node] = 0
	}
	r.expect(t, "half of the four", 0, 1, 2, 3)
	r.expect(t, "the others are due", 0, 1, 4, 5)
}

// A kubelet whose answer came after the end of a pass is asked in the next one: the node is not left out when the answer is judged.
func TestLateAnswersEndTheRest(t *testing.T) {
	for name, late := range map[string]func(*resting){
		"Summary": func(r *resting) { r.addLate(lateAnswer{"worker-0", "uid-worker-0", new(summary.Decoder)}) },
		"configuration": func(r *resting) {
			(&pass{source: r.Source, ended: true}).complete(&asked{Node: r.Source.kubelets["worker-0"].Node})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newResting(t)
			r.next(t)
			r.expect(t, "the first quarter", 0, 1)
			late(r) // else the kubelet would rest for three passes
			r.at(t, time.Duration(r.passes)*30*time.Second)
			r.passes++
			if r.Rests("worker-0") {
				t.Error("the kubelet rests")
			}
			r.at(t, time.Duration(r.passes)*30*time.Second)
			if !r.Rests("worker-0") {
				t.Error("the kubelet does not rest again")
			}
		})
	}
}
