package status

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// Noise is readings that stay within a fifth of the band around a level: then no figure moves by more than two fifths,
// and no two pods, however the first readings put them, come to differ by more than four. After the first write nothing
// follows, but for one culprit: where a pod is at the edge of what accuses it, the first reading beyond the edge accuses the
// pod, and from then on the pod stays accused.
func FuzzNoiseWritesNothing(f *testing.F) {
	seeds(f, 2)
	f.Add(uint64(109)) // a culprit at the edge of a tenth of what pods use: accused at first
	f.Add(uint64(219)) // the same, accused after 75 readings
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		levels, requests := make([]int64, 26), make([]int64, 26)
		for i := range levels {
			levels[i] = (1 + r.Int64N(2000)) * miB
			requests[i] = r.Int64N(3) * levels[i] / 2
		}
		noisy := func() *facts.Node {
			now := make([]int64, len(levels))
			for i, l := range levels {
				now[i] = max(l+r.Int64N(facts.Band(l)*2/5)-facts.Band(l)/5, 0)
			}
			n := requesting(requests, now...)
			n.Usage.WorkingSet = 8*giB + r.Int64N(128*miB)
			return n
		}
		s := published(noisy(), nil)
		for i := range 300 {
			next := published(noisy(), s)
			if s.CulpritRef == nil && next.CulpritRef != nil {
				s = next
				continue
			}
			if plan := PlanWrite("n", s, next, true, factstest.Now.Add(-time.Minute), factstest.Now); plan.Write {
				t.Fatalf("tick %d writes:\n%s", i, cmp.Diff(timeless(s), timeless(next)))
			}
		}
	})
}

// However it got there, no published order has a pod ahead of one that the exact order puts clearly before it.
func FuzzSettledOrderIsNeverOffByMoreThanTheBand(f *testing.F) {
	seeds(f, 4)
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		var s *v1alpha1.NodeKillOrderStatus
		for range 500 {
			usage := make([]int64, 8)
			for i := range usage {
				usage[i] = (1 + r.Int64N(120)) * miB
			}
			s = published(pressed(usages(usage...)), s)
			if err := offByMoreThanTheBand(s, usage); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// seeds are the ones that every run of the tests takes; -fuzz draws others.
func seeds(f *testing.F, n uint64) {
	f.Helper()
	for seed := range n {
		f.Add(seed)
	}
}

// offByMoreThanTheBand says which of pods a, b, c ... of these usages stands, or stands out, where it must not.
func offByMoreThanTheBand(s *v1alpha1.NodeKillOrderStatus, usage []int64) error {
	of := func(v v1alpha1.EvictionVictim) int64 { return usage[v.Pod[0]-'a'] }
	for i, earlier := range s.EvictionOrder {
		for _, later := range s.EvictionOrder[i+1:] {
			if d := of(later) - of(earlier); d > facts.Band(of(later)) {
				return fmt.Errorf("%s stands after %s but uses %d bytes more", later.Pod, earlier.Pod, d)
			}
		}
	}
	last := of(s.EvictionOrder[len(s.EvictionOrder)-1])
	for i, u := range usage {
		if pod := string(rune('a' + i)); u-last > facts.Band(u) && !contains(s, pod) {
			return fmt.Errorf("%s is left out but clearly precedes the last", pod)
		}
	}
	return nil
}

func contains(s *v1alpha1.NodeKillOrderStatus, pod string) bool {
	for _, v := range s.EvictionOrder {
		if v.Pod == pod {
			return true
		}
	}
	return false
}
