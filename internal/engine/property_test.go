package engine_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// seeds yields the seeds that a property is tried on. After a failure it says which node that was, and ends.
func seeds(t *testing.T) iter.Seq[uint64] {
	t.Helper()
	return func(yield func(uint64) bool) {
		for seed := range uint64(250) {
			if !yield(seed) {
				return
			}
			if t.Failed() {
				t.Fatalf("the node is factstest.Random(%d)", seed)
			}
		}
	}
}

func evaluate(n *facts.Node) engine.Verdict { return engine.Evaluate(n, Policy(), Now) }

// same is cmp.Diff behind reflect.DeepEqual, which is a hundred times as fast where nothing differs.
func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%s (-want +got):\n%s", what, cmp.Diff(want, got))
	}
}

// wellFormed holds whatever the node is: FuzzEvaluate asks for the same.
func wellFormed(t *testing.T, n *facts.Node, v *engine.Verdict) {
	t.Helper()
	evictionIsAPermutation(t, n, v)
	evictionFollowsTheKubelet(t, v)
	kernelOrderIsAPermutation(t, n, v)
	for i := 1; i < len(v.Limits); i++ {
		if a, b := &v.Limits[i-1], &v.Limits[i]; a.Percent() < b.Percent() {
			t.Errorf("limits: %d%% stands before %d%%", a.Percent(), b.Percent())
		}
	}
	o := &v.Outlook
	if o.CriticalPods > len(o.Risks) || (o.CriticalAtRisk && len(o.Risks) == 0) || (o.WrongVictim && v.Culprit.PodState == nil) {
		t.Errorf("outlook %+v contradicts itself", o)
	}
	if m := &v.Memory; m.HeadroomKnown && (m.ThresholdSource == engine.NoThreshold || m.Available == facts.Unknown) {
		t.Errorf("memory %+v: headroom without a threshold or a reading", m)
	}
}

func evictionIsAPermutation(t *testing.T, n *facts.Node, v *engine.Verdict) {
	t.Helper()
	var want, got []string
	for i := range n.Pods {
		if !n.Pods[i].Exempt {
			want = append(want, n.Pods[i].UID)
		}
	}
	for i := range v.Eviction {
		got = append(got, v.Eviction[i].UID)
	}
	slices.Sort(want)
	slices.Sort(got)
	same(t, "the eviction order is no permutation of the pods that are not exempt", want, got)
	if v.Exempt+len(v.Eviction) != len(n.Pods) {
		t.Errorf("%d exempt and %d ranked of %d pods", v.Exempt, len(v.Eviction), len(n.Pods))
	}
}

// evictionFollowsTheKubelet compares each pod with each one behind it by the kubelet's three comparators, written
// out once more from kubelet/eviction/helpers.go.
func evictionFollowsTheKubelet(t *testing.T, v *engine.Verdict) {
	t.Helper()
	for i := range v.Eviction {
		for j := i + 1; j < len(v.Eviction); j++ {
			a, b := &v.Eviction[i], &v.Eviction[j]
			if kubeletPrefers(b, a) {
				t.Errorf("%s stands before %s, which the kubelet would evict first", a.Name, b.Name)
			}
			if tied := !kubeletPrefers(a, b) && !kubeletPrefers(b, a); tied && j == i+1 && (!a.Tied || !b.Tied) {
				t.Errorf("%s and %s are tied, and not marked", a.Name, b.Name)
			}
		}
	}
}

func kubeletPrefers(a, b *evict.Victim) bool {
	found := func(v *evict.Victim) bool { return v.Reason != evict.NoKubeletStats }
	exceeds := func(v *evict.Victim) bool {
		return v.Usage > v.Request || (v.Reason == evict.UsageUnknown && v.Request == 0)
	}
	switch {
	case !found(a) || !found(b):
		if found(a) != found(b) {
			return !found(a)
		}
		return a.Priority < b.Priority
	case exceeds(a) != exceeds(b):
		return exceeds(a)
	case a.Priority != b.Priority:
		return a.Priority < b.Priority
	}
	return a.Usage-a.Request > b.Usage-b.Request
}

func kernelOrderIsAPermutation(t *testing.T, n *facts.Node, v *engine.Verdict) {
	t.Helper()
	if v.NoOOM != "" {
		if n.Linux && n.Capacity > 0 || len(v.OOM) > 0 {
			t.Errorf("no kernel's order of %d: %s", len(v.OOM), v.NoOOM)
		}
		return
	}
	running, seen := 0, map[string]bool{}
	for i := range n.Pods {
		for c := range n.Pods[i].Containers {
			if n.Pods[i].Containers[c].Running {
				running++
			}
		}
	}
	for i := range v.OOM {
		o := &v.OOM[i]
		seen[fmt.Sprint(o.UID, o.Container)] = true
		if o.Adj < -997 || o.Adj > 1000 || o.Usage < 0 || o.Swap < 0 || !o.Containers[o.Container].Running {
			t.Errorf("victim %+v is out of bounds", o)
		}
		if score := oom.Score(o.Usage, o.Adj, v.Memory.Total); score < 0 {
			t.Errorf("score %d", score)
		}
		if i > 0 && v.OOM[i-1].Badness < o.Badness {
			t.Errorf("badness %d stands before %d", v.OOM[i-1].Badness, o.Badness)
		}
	}
	if len(v.OOM) != running || len(seen) != running {
		t.Errorf("%d in the kernel's order, %d of them different; %d run", len(v.OOM), len(seen), running)
	}
}

func TestPropertyVerdictsAreWellFormed(t *testing.T) {
	for seed := range seeds(t) {
		n := Random(seed)
		v := evaluate(n)
		wellFormed(t, n, &v)
	}
}

func TestPropertyEvaluateChangesNothing(t *testing.T) {
	for seed := range seeds(t) {
		n := Random(seed)
		evaluate(n)
		same(t, "Evaluate changed its input", Random(seed), n)
	}
}

func TestPropertyTheOrderOfTheInputDoesNotMatter(t *testing.T) {
	for seed := range seeds(t) {
		n, shuffled := Random(seed), Random(seed)
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(shuffled.Pods), func(i, j int) {
			shuffled.Pods[i], shuffled.Pods[j] = shuffled.Pods[j], shuffled.Pods[i]
		})
		want, got := evaluate(n), evaluate(shuffled)
		want.Node, got.Node = nil, nil // which holds the pods as they were given
		same(t, "shuffled pods change the verdict", want, got)
	}
}

// ranks returns the first rank of a pod in the eviction order and in the kernel's, -1 where it has none.
func ranks(v *engine.Verdict, uid string) (eviction, kernel int) {
	return slices.IndexFunc(v.Eviction, func(e evict.Victim) bool { return e.UID == uid }),
		slices.IndexFunc(v.OOM, func(o oom.Victim) bool { return o.UID == uid })
}

// TestPropertyWorseTraitsNeverHelp changes one trait of one pod, and compares its ranks.
func TestPropertyWorseTraitsNeverHelp(t *testing.T) {
	traits := map[string]func(*facts.PodState) bool{
		"more usage": func(p *facts.PodState) bool {
			if p.WorkingSet == facts.Unknown {
				return false
			}
			p.WorkingSet += 64 * MiB
			for i := range p.Usage {
				if p.Usage[i].RSS != facts.Unknown {
					p.Usage[i].RSS += 64 * MiB
				}
			}
			return true
		},
		"a smaller request": func(p *facts.PodState) bool {
			if p.WorkingSet == facts.Unknown {
				return false // a request of 0 is then the one that is exceeded
			}
			p.Request /= 2
			for i := range p.Containers {
				p.Containers[i].Request /= 2
			}
			return true
		},
		"a lower priority": func(p *facts.PodState) bool { p.Priority--; return true },
	}
	for name, worsen := range traits {
		t.Run(name, func(t *testing.T) {
			for seed := range seeds(t) {
				n, worse := Random(seed), Random(seed)
				if len(n.Pods) == 0 {
					continue
				}
				i := int(seed) % len(n.Pods)
				if !worsen(&worse.Pods[i]) {
					continue
				}
				a, b := evaluate(n), evaluate(worse)
				eviction, kernel := ranks(&a, n.Pods[i].UID)
				evictionWorse, kernelWorse := ranks(&b, n.Pods[i].UID)
				if evictionWorse > eviction || kernelWorse > kernel {
					t.Errorf("%s: eviction rank %d becomes %d, the kernel's %d becomes %d",
						n.Pods[i].Name, eviction, evictionWorse, kernel, kernelWorse)
				}
			}
		})
	}
}

func TestPropertyFact22TheKernelIgnoresPriority(t *testing.T) {
	for seed := range seeds(t) {
		n, other := Random(seed), Random(seed)
		for i := range other.Pods {
			other.Pods[i].Priority = int32(i * 1000)
		}
		want, got := evaluate(n), evaluate(other)
		for i := range want.OOM {
			if a, b := &want.OOM[i], &got.OOM[i]; a.UID != b.UID || a.Container != b.Container || a.Badness != b.Badness {
				t.Fatalf("rank %d is %s or %s, by priority", i+1, a.Name, b.Name)
			}
		}
	}
}
