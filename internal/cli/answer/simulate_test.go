package answer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/facts"
)

// endless is more than all pods of a random node use, in bytes: each has up to facts.MaxBytes.
const endless = facts.MaxBytes << 7

// TestTheKubeletsSequenceIsItsOrder: under more pressure than pods can relieve, the kubelet takes all of its order, from
// first to last, on random nodes; each step leaves what the victim freed.
func TestTheKubeletsSequenceIsItsOrder(t *testing.T) {
	played := 0
	for seed := range uint64(300) {
		n := judgeNode(roomy(seed))
		s, err := Simulate(n, Scene{Killer: kinds.PlayKubelet, Pressure: endless})
		if err != nil || !n.Verdict.Memory.HeadroomKnown {
			continue
		}
		played++
		var want, got []string
		for i := range n.Verdict.Eviction {
			want = append(want, fullName(n.Verdict.Eviction[i].Pod))
		}
		for _, step := range s.Steps {
			got = append(got, step.Namespace+"/"+step.Pod)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: order and sequence (-want +got):\n%s", seed, diff)
		}
		if s.End != kinds.EndExhausted {
			t.Errorf("seed %d: ends %s", seed, s.End)
		}
	}
	if played < 50 {
		t.Errorf("%d nodes played: too few to mean anything", played)
	}
}

// TestTheKernelsSequence: each victim is the first of the order of those alive, so badness never rises but where the scope
// changes; nobody is taken twice.
func TestTheKernelsSequence(t *testing.T) {
	played := 0
	for seed := range uint64(300) {
		n := judgeNode(roomy(seed))
		s, err := Simulate(n, Scene{Killer: kinds.PlayKernel, Pressure: endless})
		if err != nil || len(n.Verdict.OOM) == 0 {
			continue
		}
		played++
		taken := map[string]bool{}
		for _, step := range s.Steps {
			key := step.Namespace + "/" + step.Pod + "/" + step.Container
			if taken[key] {
				t.Errorf("seed %d: %s dies twice", seed, key)
			}
			taken[key] = true
		}
		if len(s.Steps) != len(n.Verdict.OOM) {
			t.Errorf("seed %d: %d of %d containers die", seed, len(s.Steps), len(n.Verdict.OOM))
		}
	}
	if played < 50 {
		t.Errorf("%d nodes played: too few to mean anything", played)
	}
}

// TestSimulateStopsWhenRelieved: no victim more than needed.
func TestSimulateStopsWhenRelieved(t *testing.T) {
	for seed := range uint64(300) {
		n := judgeNode(roomy(seed))
		s, err := Simulate(n, Scene{Killer: kinds.PlayKubelet})
		if err != nil || s.End != kinds.EndRelieved || len(s.Steps) == 0 {
			continue
		}
		m := &n.Verdict.Memory
		freed := int64(0)
		for i := range s.Steps[:len(s.Steps)-1] {
			freed += max(n.Verdict.Eviction[i].WorkingSet, 0)
		}
		if freed >= max(m.Headroom, 0)-m.Headroom+1+m.MinReclaim {
			t.Errorf("seed %d: %d bytes were freed before the last step", seed, freed)
		}
	}
}
