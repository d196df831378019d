package status

import (
	"math/rand/v2"
	"testing"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// reserved is a node of 16Gi of which kubepods may use 12Gi, with that much left of each.
func reserved(available, podsLeft int64) *facts.Node {
	n := requesting([]int64{0, giB, 8 * giB}, 200*miB, 2*giB, 6*giB)
	n.Config = &facts.KubeletConfig{
		EvictionHard: facts.Threshold{Set: true, Bytes: 500 * miB}, SystemReserved: 4 * giB, PodsEnforced: true,
	}
	n.Usage.Source, n.Usage.Available, n.Usage.PodsWorkingSet = facts.SourceKubelet, available, 12*giB-podsLeft
	return n
}

// TestNoiseOfKubepodsWritesNothing: whichever of node and kubepods is nearer, and where they are as near, readings that
// vary by some percent change nothing that is published.
func TestNoiseOfKubepodsWritesNothing(t *testing.T) {
	some := facts.Threshold{Set: true, Bytes: 500 * miB}
	for name, tc := range map[string]struct {
		available, podsLeft int64
		hard                facts.Threshold
	}{
		"kubepods is nearer":               {4 * giB, 2 * giB, some},
		"the node is nearer":               {2 * giB, 4 * giB, some},
		"both are as near":                 {3 * giB, 3 * giB, some},
		"both, and nobody evicts":          {3 * giB, 3 * giB, facts.Threshold{}},
		"both, and little is left":         {520 * miB, 520 * miB, some},
		"both, and more is used than left": {0, -100 * miB, some},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			noise := func(bytes int64) int64 { return bytes + bytes*int64(r.IntN(41)-20)/1000 } // 2%
			node := func(available, podsLeft int64) *facts.Node {
				n := reserved(available, podsLeft)
				n.Config.EvictionHard = tc.hard
				return n
			}
			prev := published(node(tc.available, tc.podsLeft), nil)
			for i := range 100 {
				next := published(node(noise(tc.available), noise(tc.podsLeft)), prev)
				if !sameContent(prev, next) {
					t.Fatalf("tick %d: %s %s, %s %s became %s %s, %s %s", i,
						prev.Memory.EvictionSignal, prev.Memory.Headroom, prev.Memory.OOMScope, prev.Memory.OOMHeadroom,
						next.Memory.EvictionSignal, next.Memory.Headroom, next.Memory.OOMScope, next.Memory.OOMHeadroom)
				}
				prev = next
			}
		})
	}
}

// TestScopeFollowsWhatIsClearlyNearer: signal, scope and the scale of badness change together, once the other is nearer
// by more than noise.
func TestScopeFollowsWhatIsClearlyNearer(t *testing.T) {
	s := published(reserved(3*giB, 4*giB), nil)
	expect := func(when string, signal v1alpha1.EvictionSignal, scope v1alpha1.OOMScope, badness int64) {
		t.Helper()
		if s.Memory.EvictionSignal != signal || s.Memory.OOMScope != scope {
			t.Errorf("%s: %s, %s; want %s, %s", when, s.Memory.EvictionSignal, s.Memory.OOMScope, signal, scope)
		}
		if v := s.OOMOrder[0]; v.Badness.Value() < badness-10*miB || v.Badness.Value() > badness+10*miB {
			t.Errorf("%s: badness of %s is %s; want %d", when, v.Pod, v.Badness.String(), badness)
		}
	}
	const node, pods = v1alpha1.SignalMemoryAvailable, v1alpha1.SignalAllocatableMemoryAvailable
	expect("the node is nearer", node, v1alpha1.OOMScopeNode, 2*giB+938*16*giB/1000)
	s = published(reserved(3*giB, 3*giB-100*miB), s)
	expect("kubepods is nearer, within noise", node, v1alpha1.OOMScopeNode, 2*giB+938*16*giB/1000)
	s = published(reserved(3*giB, 2*giB), s)
	expect("kubepods is clearly nearer", pods, v1alpha1.OOMScopePods, 2*giB+938*12*giB/1000)
	if got := s.Memory.OOMHeadroom.Value(); got != 2*giB {
		t.Errorf("%d left of kubepods; want 2 GiB", got)
	}
	s = published(reserved(2*giB-50*miB, 2*giB), s)
	expect("the node is nearer, within noise", pods, v1alpha1.OOMScopePods, 2*giB+938*12*giB/1000)
	s = published(reserved(giB, 2*giB), s)
	expect("the node is clearly nearer", node, v1alpha1.OOMScopeNode, 2*giB+938*16*giB/1000)
}

// TestScopeOfAConfigurationJustRead: what was published without it says nothing about kubepods.
func TestScopeOfAConfigurationJustRead(t *testing.T) {
	n := reserved(3*giB, 3*giB-20*miB)
	config := n.Config
	n.Config = nil
	prev := published(n, nil)
	n.Config = config
	if got := published(n, prev).Memory; prev.Memory.OOMScope != v1alpha1.OOMScopeNode || got.OOMScope != v1alpha1.OOMScopePods {
		t.Errorf("%s, then %s; want Node, then Pods", prev.Memory.OOMScope, got.OOMScope)
	}
}

// TestScopeOfKubepodsJustRead: metrics.k8s.io stands in for a kubelet that does not answer, and whose configuration is still known. It has
// no reading of kubepods, so what was published of it says nothing about kubepods when the kubelet answers again.
func TestScopeOfKubepodsJustRead(t *testing.T) {
	n := reserved(3*giB, 3*giB-20*miB)
	exact := published(n, nil).Memory
	n.Usage.Source, n.Usage.PodsWorkingSet = facts.SourceMetricsAPI, facts.Unknown
	prev := published(n, nil)
	got := published(reserved(3*giB, 3*giB-20*miB), prev).Memory
	if prev.Memory.OOMScope != v1alpha1.OOMScopeNode || got.OOMScope != v1alpha1.OOMScopePods || got.EvictionSignal != exact.EvictionSignal {
		t.Errorf("%s, %s, then %s, %s; want Node, then Pods, %s as without what was published", prev.Memory.EvictionSignal,
			prev.Memory.OOMScope, got.EvictionSignal, got.OOMScope, exact.EvictionSignal)
	}
}

// TestPublishedFollowsExactInTheEnd: within the Band of what readings leave.
func TestPublishedFollowsExactInTheEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var prev *v1alpha1.NodeKillOrderStatus
	for range 1000 {
		available, left := r.Int64N(8*giB), r.Int64N(8*giB)-giB
		n := reserved(available, left)
		exact := evaluate(n, factstest.Now)
		prev = published(n, prev)
		got := prev.Memory.OOMHeadroom.Value()
		if d := got - exact.Memory.OOMHeadroom; max(d, -d) > 3*facts.Band(max(got, exact.Memory.OOMHeadroom)) {
			t.Fatalf("%d left of memory, %d of kubepods: OOM headroom %d published, %d exact", available, left, got, exact.Memory.OOMHeadroom)
		}
	}
}
