package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

func bytesOf(n int64) facts.Threshold { return facts.Threshold{Set: true, Bytes: n} }

// percent as the kubelet keeps it (kubelet/eviction/helpers.go parsePercentage).
func percent(p float32) facts.Threshold { return facts.Threshold{Set: true, Fraction: p / 100} }

// node is one of 16 GiB of which 10 GiB are used, 4 GiB of them by pods, changed as the case says.
func node(change func(*facts.Node)) *facts.Node {
	n := Node(16 * GiB)
	n.Usage.WorkingSet, n.Usage.PodsWorkingSet = 10*GiB, 4*GiB
	change(n)
	return n
}

func memoryOf(n *facts.Node, p *facts.Policy) engine.Memory { return engine.Evaluate(n, p, Now).Memory }

// TestFact8Available: memory.available is capacity less the root cgroup's working set; kubelets from 1.37 on take huge
// pages off (kubelet/server/stats/summary.go adjustForHugePages).
func TestFact8Available(t *testing.T) {
	hugepages := func(minor int) func(*facts.Node) {
		return func(n *facts.Node) { n.Minor, n.Hugepages, n.Allocatable = minor, 2*GiB, 14*GiB-100*MiB }
	}
	cases := map[string]struct {
		change       func(*facts.Node)
		want         int64
		wantHeadroom int64
		wantOOM      int64
	}{
		"capacity less working set": {
			func(n *facts.Node) { n.Allocatable -= 100 * MiB }, 6 * GiB, 6*GiB - 100*MiB, 6 * GiB,
		},
		"the kubelet's own figure wins": {
			func(n *facts.Node) { n.Allocatable -= 100 * MiB; n.Usage.Available = 3 * GiB }, 3 * GiB, 3*GiB - 100*MiB, 3 * GiB,
		},
		"huge pages count as available to kubelet 1.36, not to the kernel": {hugepages(36), 6 * GiB, 6*GiB - 100*MiB, 4 * GiB},
		"huge pages are not available to kubelet 1.37":                     {hugepages(37), 4 * GiB, 4*GiB - 100*MiB, 4 * GiB},
		"an unknown kubelet is a new one":                                  {hugepages(0), 4 * GiB, 4*GiB - 100*MiB, 4 * GiB},
		"huge pages hold all that is left": {
			func(n *facts.Node) { hugepages(37)(n); n.Usage.WorkingSet = 15 * GiB }, 0, -100 * MiB, 0,
		},
		"huge pages hold all that kubelet 1.36 takes for left": {
			func(n *facts.Node) { hugepages(36)(n); n.Usage.WorkingSet = 15 * GiB }, GiB, GiB - 100*MiB, 0,
		},
		"more huge pages than memory": {
			func(n *facts.Node) { n.Hugepages, n.Allocatable = 20*GiB, 0 }, 0, -100 * MiB, 0,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := memoryOf(node(tc.change), Policy())
			if m.Available != tc.want || m.Headroom != tc.wantHeadroom || m.OOMHeadroom != tc.wantOOM || !m.HeadroomKnown {
				t.Errorf("available %d, headroom %d, OOM headroom %d; want %d, %d, %d",
					m.Available, m.Headroom, m.OOMHeadroom, tc.want, tc.wantHeadroom, tc.wantOOM)
			}
		})
	}
}

// TestFact8Threshold: a percentage is of what the signal observes (kubelet/eviction/helpers.go thresholdsMet), a
// kubelet without a memory.available threshold evicts nobody.
func TestFact8Threshold(t *testing.T) {
	config := func(c facts.KubeletConfig) func(*facts.Node) { return func(n *facts.Node) { n.Config = &c } }
	cases := map[string]struct {
		change     func(*facts.Node)
		assumed    facts.Threshold
		want       int64
		wantSource engine.ThresholdSource
		wantSoft   int64
	}{
		"read": {
			change: config(facts.KubeletConfig{EvictionHard: bytesOf(500 * MiB)}), want: 500 * MiB, wantSource: engine.KubeletThreshold,
		},
		"read, 5 percent as float32": {
			change: config(facts.KubeletConfig{EvictionHard: percent(5)}), want: 858993472, wantSource: engine.KubeletThreshold,
		},
		"read, a percentage with huge pages on 1.37": {
			change: func(n *facts.Node) {
				n.Hugepages, n.Config = 8*GiB, &facts.KubeletConfig{EvictionHard: percent(25), EvictionSoft: percent(50)}
			},
			want: 2 * GiB, wantSource: engine.KubeletThreshold, wantSoft: 4 * GiB,
		},
		"read, a percentage with huge pages on 1.36": {
			change: func(n *facts.Node) {
				n.Minor, n.Hugepages = 36, 8*GiB
				n.Config = &facts.KubeletConfig{EvictionHard: percent(25), EvictionSoft: percent(50)}
			},
			want: 4 * GiB, wantSource: engine.KubeletThreshold, wantSoft: 8 * GiB,
		},
		"read, and there is none": {
			change: config(facts.KubeletConfig{}), wantSource: engine.NoThreshold,
		},
		"read, and there is a soft one only": {
			change: config(facts.KubeletConfig{EvictionSoft: bytesOf(GiB)}), wantSource: engine.KubeletThreshold, wantSoft: GiB,
		},
		"assumed":               {change: func(n *facts.Node) { n.Allocatable = 0 }, want: 100 * MiB},
		"assumed, a percentage": {change: func(n *facts.Node) { n.Allocatable = 0 }, assumed: percent(50), want: 8 * GiB},
		"assumed that none is":  {change: func(n *facts.Node) { n.Allocatable = 0 }, assumed: facts.Threshold{}, wantSource: engine.NoThreshold},
		"assumed, no capacity":  {change: func(n *facts.Node) { n.Capacity = 0 }, want: 100 * MiB},
		"assumed, nothing said": {
			change: func(n *facts.Node) { n.Capacity, n.Allocatable = 0, 0 }, want: 100 * MiB,
		},
		"assumed, allocatable not said": { // which does not leave out exactly the default
			change: func(n *facts.Node) { n.Capacity, n.Allocatable = 100*MiB, 0 }, assumed: bytesOf(50 * MiB), want: 50 * MiB,
		},
		"a percentage of nothing": {
			change: func(n *facts.Node) { n.Capacity = 0 }, assumed: percent(50), wantSource: engine.NoThreshold,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := Policy()
			if tc.assumed != (facts.Threshold{}) || tc.wantSource == engine.NoThreshold {
				p.AssumedEvictionHard = tc.assumed
			}
			m := memoryOf(node(tc.change), p)
			if m.Threshold != tc.want || m.ThresholdSource != tc.wantSource || m.SoftThreshold != tc.wantSoft {
				t.Errorf("threshold %d from %d, soft %d; want %d from %d, soft %d",
					m.Threshold, m.ThresholdSource, m.SoftThreshold, tc.want, tc.wantSource, tc.wantSoft)
			}
			if none := m.ThresholdSource == engine.NoThreshold; m.HeadroomKnown && none {
				t.Error("there is headroom, but no threshold")
			}
		})
	}
}

// TestFact10Inferred: allocatable is capacity less kubeReserved, systemReserved, the hard threshold and huge pages
// (kubelet/nodestatus/setters.go), so what it leaves out tells of the threshold.
func TestFact10Inferred(t *testing.T) {
	cases := map[string]struct {
		leftOut, hugepages int64
		want               int64
		wantSource         engine.ThresholdSource
	}{
		"exactly 100Mi: the default, nothing reserved":     {100 * MiB, 0, 100 * MiB, engine.InferredThreshold},
		"100Mi beside huge pages":                          {100*MiB + 2*GiB, 2 * GiB, 100 * MiB, engine.InferredThreshold},
		"nothing: no threshold, nothing reserved":          {0, 0, 0, engine.NoThreshold},
		"nothing beside huge pages":                        {2 * GiB, 2 * GiB, 0, engine.NoThreshold},
		"more: the rest may be reserved":                   {GiB, 0, 100 * MiB, engine.AssumedThreshold},
		"100Mi and a byte":                                 {100*MiB + 1, 0, 100 * MiB, engine.AssumedThreshold},
		"less: the threshold cannot be more":               {60 * MiB, 0, 60 * MiB, engine.AssumedThreshold},
		"allocatable above capacity says nothing":          {-GiB, 0, 100 * MiB, engine.AssumedThreshold},
		"allocatable that left huge pages in says nothing": {GiB, 2 * GiB, 100 * MiB, engine.AssumedThreshold},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := memoryOf(node(func(n *facts.Node) { n.Allocatable, n.Hugepages = n.Capacity-tc.leftOut, tc.hugepages }), Policy())
			if m.Threshold != tc.want || m.ThresholdSource != tc.wantSource {
				t.Errorf("threshold %d from %d; want %d from %d", m.Threshold, m.ThresholdSource, tc.want, tc.wantSource)
			}
		})
	}
}

// TestFact9KubepodsLimit: the kubepods cgroup is limited to capacity less what is reserved (kubelet/cm
// getNodeAllocatableAbsoluteImpl), and the hard threshold applies to what is left of that too.
func TestFact9KubepodsLimit(t *testing.T) {
	type want struct {
		EvictionOfPods          bool
		Headroom, EvictionLimit int64
		OOMOfPods               bool
		OOMHeadroom, OOMLimit   int64
	}
	ofNode := want{Headroom: 6*GiB - 500*MiB, EvictionLimit: 16 * GiB, OOMHeadroom: 6 * GiB, OOMLimit: 16 * GiB}
	cases := map[string]struct {
		reserved int64
		change   func(*facts.Node)
		want     want
	}{
		"nothing reserved: the node is fuller": {0, func(*facts.Node) {}, ofNode},
		"as much left of both: the node's":     {6 * GiB, func(*facts.Node) {}, ofNode},
		"less left of kubepods": {8 * GiB, func(*facts.Node) {}, want{
			EvictionOfPods: true, Headroom: 4*GiB - 500*MiB, EvictionLimit: 8 * GiB, OOMOfPods: true, OOMHeadroom: 4 * GiB, OOMLimit: 8 * GiB,
		}},
		"not enforced":              {8 * GiB, func(n *facts.Node) { n.Config.PodsEnforced = false }, ofNode},
		"kubepods' usage not known": {8 * GiB, func(n *facts.Node) { n.Usage.PodsWorkingSet = facts.Unknown }, ofNode},
		"a byte over the kubepods limit": {8 * GiB, func(n *facts.Node) { n.Usage.PodsWorkingSet = 8*GiB + 1 }, want{
			EvictionOfPods: true, Headroom: -1 - 500*MiB, EvictionLimit: 8 * GiB, OOMOfPods: true, OOMHeadroom: -1, OOMLimit: 8 * GiB,
		}},
		"more reserved than there is": {20 * GiB, func(*facts.Node) {}, want{
			EvictionOfPods: true, Headroom: -4*GiB - 500*MiB, OOMOfPods: true, OOMHeadroom: -4 * GiB,
		}},
		"a percentage is of the kubepods limit": {8 * GiB, func(n *facts.Node) {
			n.Config.EvictionHard, n.Usage.PodsWorkingSet = percent(25), 5*GiB
		}, want{
			EvictionOfPods: true, Headroom: 3*GiB - 2*GiB, EvictionLimit: 8 * GiB, OOMOfPods: true, OOMHeadroom: 3 * GiB, OOMLimit: 8 * GiB,
		}},
		"a percentage of less may leave kubepods the farther": {6 * GiB, func(n *facts.Node) { n.Config.EvictionHard = percent(25) }, want{
			Headroom: 6*GiB - 4*GiB, EvictionLimit: 16 * GiB, OOMHeadroom: 6 * GiB, OOMLimit: 16 * GiB,
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := node(func(n *facts.Node) {
				n.Config = &facts.KubeletConfig{
					EvictionHard: bytesOf(500 * MiB), PodsEnforced: true,
					KubeReserved: tc.reserved / 2, SystemReserved: tc.reserved - tc.reserved/2,
				}
				tc.change(n)
			})
			m := memoryOf(n, Policy())
			got := want{m.EvictionOfPods, m.Headroom, m.EvictionLimit, m.OOMOfPods, m.OOMHeadroom, m.OOMLimit}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("memory (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSoftThresholdOnly: the kubelet evicts by it, and knows no such signal of kubepods.
func TestSoftThresholdOnly(t *testing.T) {
	n := node(func(n *facts.Node) {
		n.Usage.PodsWorkingSet = 7 * GiB
		n.Config = &facts.KubeletConfig{EvictionSoft: bytesOf(GiB), PodsEnforced: true, SystemReserved: 8 * GiB}
	})
	m := memoryOf(n, Policy())
	if !m.SoftOnly() || !m.HeadroomKnown || m.EvictionOfPods || m.Headroom != m.Available-GiB || m.EvictionLimit != 16*GiB {
		t.Errorf("memory %+v; want headroom by the soft threshold of the node's own signal", m)
	}
	if !m.OOMOfPods || m.OOMHeadroom != GiB {
		t.Errorf("memory %+v; want the kernel's scope to be kubepods", m)
	}
	if node, pods := m.Signals(n); node.Threshold != GiB || pods != (engine.Signal{}) {
		t.Errorf("signals %+v, %+v", node, pods)
	}
	n.Config.EvictionHard = bytesOf(500 * MiB)
	if m := memoryOf(n, Policy()); m.SoftOnly() || m.Threshold != 500*MiB || !m.EvictionOfPods || m.EvictionSoft {
		t.Errorf("memory %+v; want the hard threshold where there is one", m)
	}
}

// TestFact7MinimumReclaim: a percentage is of what the signal is a part of, like the threshold's.
func TestFact7MinimumReclaim(t *testing.T) {
	for name, tc := range map[string]struct {
		reclaim facts.Threshold
		want    int64
	}{
		"none":         {facts.Threshold{}, 0},
		"bytes":        {bytesOf(GiB), GiB},
		"a percentage": {percent(25), 2 * GiB},
	} {
		t.Run(name, func(t *testing.T) {
			n := node(func(n *facts.Node) {
				n.Hugepages, n.Config = 8*GiB, &facts.KubeletConfig{EvictionHard: bytesOf(GiB), MinReclaim: tc.reclaim}
			})
			if m := memoryOf(n, Policy()); m.MinReclaim != tc.want || m.Headroom != m.Available-GiB {
				t.Errorf("minimum reclaim %d, headroom %d of %d; want %d, and headroom by the threshold alone",
					m.MinReclaim, m.Headroom, m.Available, tc.want)
			}
		})
	}
}

// TestFact9RealKubelet has what a kubelet 1.37.2 said of itself: memory.available 23355064320 and, for "pods",
// 24379035648 in its Summary, the thresholds in its configuration.
func TestFact9RealKubelet(t *testing.T) {
	n := Node(24684084 * KiB)
	n.Allocatable = 24172084 * KiB
	n.Usage.Source, n.Usage.WorkingSet, n.Usage.PodsWorkingSet = facts.SourceKubelet, 1921437696, 897466368
	n.Config = &facts.KubeletConfig{EvictionHard: bytesOf(500 * MiB), PodsEnforced: true}
	if m := memoryOf(n, Policy()); m.Available != 23355064320 || m.EvictionOfPods || m.Headroom != 23355064320-500*MiB {
		t.Errorf("memory %+v; the kubelet had 23355064320 available", m)
	}

	// Later, with systemReserved leaving 5200Mi to kubepods and a threshold of 700Mi, it saw 1630Mi available there.
	n.Config = &facts.KubeletConfig{
		EvictionHard: bytesOf(700 * MiB), PodsEnforced: true, SystemReserved: 24684084*KiB - 5200*MiB,
	}
	n.Usage.PodsWorkingSet = 5200*MiB - 1630*MiB
	if m := memoryOf(n, Policy()); !m.EvictionOfPods || m.Headroom != 930*MiB || m.OOMHeadroom != 1630*MiB || m.OOMLimit != 5200*MiB {
		t.Errorf("memory %+v; the kubelet had 1630Mi of 5200Mi available", m)
	}
}

// TestFact21ScopeOfThePods: kubepods may swap as much as the node can.
func TestFact21ScopeOfThePods(t *testing.T) {
	n := node(func(n *facts.Node) {
		n.Usage.SwapCapacity, n.Usage.PodsWorkingSet = 2*GiB, 7*GiB
		n.Config = &facts.KubeletConfig{EvictionHard: bytesOf(500 * MiB), PodsEnforced: true, SystemReserved: 8 * GiB}
	})
	if m := memoryOf(n, Policy()); !m.OOMOfPods || m.OOMLimit != 10*GiB || m.OOMHeadroom != GiB {
		t.Errorf("memory %+v; want a limit of 8 GiB and 2 GiB of swap, 1 GiB left", m)
	}
}

// TestFact21ScopeOfTheNode: a global OOM is on the scale of RAM and swap.
func TestFact21ScopeOfTheNode(t *testing.T) {
	n := node(func(n *facts.Node) { n.Usage.SwapCapacity = 8 * GiB })
	if m := memoryOf(n, Policy()); m.OOMOfPods || m.OOMLimit != 24*GiB || m.Total != 24*GiB {
		t.Errorf("memory %+v; want a limit of 24 GiB", m)
	}
}

func TestMemoryUnread(t *testing.T) {
	m := memoryOf(node(func(n *facts.Node) { n.Usage.WorkingSet = facts.Unknown }), Policy())
	if m.Available != facts.Unknown || m.HeadroomKnown || m.OOMHeadroomKnown {
		t.Errorf("memory %+v; want nothing known", m)
	}
	m = memoryOf(node(func(n *facts.Node) { n.Capacity = 0 }), Policy())
	if m.Available != facts.Unknown || m.HeadroomKnown || m.OOMHeadroomKnown {
		t.Errorf("no capacity: memory %+v; want nothing known", m)
	}
}

func TestRequested(t *testing.T) {
	n := Node(16*GiB, Pod("a").Running(GiB, 0), Pod("b").Waiting(2*GiB), Pod("c").Running(3*GiB, 0).Exempt())
	if m := memoryOf(n, Policy()); m.Requested != 6*GiB {
		t.Errorf("requested %d; want 6 GiB, exempt and waiting pods included", m.Requested)
	}
}

func TestWith(t *testing.T) {
	n := node(func(n *facts.Node) {
		n.Config = &facts.KubeletConfig{EvictionHard: bytesOf(500 * MiB), PodsEnforced: true, KubeReserved: 8 * GiB}
	})
	m := memoryOf(n, Policy())
	left := m.Left(n)
	if diff := cmp.Diff(m, m.With(n, left)); diff != "" {
		t.Errorf("the same figures change it (-want +got):\n%s", diff)
	}
	if less := m.With(n, engine.Left{Available: GiB, Pods: left.Pods}); less.EvictionOfPods || less.OOMOfPods || less.Headroom != GiB-500*MiB || less.OOMHeadroom != GiB {
		t.Errorf("1 GiB available: %+v; want the node's own signal and scope", less)
	}
	if none := m.With(n, engine.Left{Available: facts.Unknown}); none.HeadroomKnown || none.OOMHeadroomKnown {
		t.Errorf("unknown: %+v; want no headroom", none)
	}
	const nearer = GiB + 10*MiB
	for name, tc := range map[string]struct {
		left          engine.Left
		evicts, kills bool // kubepods first
	}{
		"as near":                               {engine.Left{Available: GiB, Pods: GiB}, false, false},
		"farther by less than the biases":       {engine.Left{Available: GiB, Pods: nearer, EvictionBias: 11 * MiB, OOMBias: 11 * MiB}, true, true},
		"farther by the biases":                 {engine.Left{Available: GiB, Pods: nearer, EvictionBias: 10 * MiB, OOMBias: 10 * MiB}, false, false},
		"nearer by less than the biases":        {engine.Left{Available: nearer, Pods: GiB, EvictionBias: -11 * MiB, OOMBias: -11 * MiB}, false, false},
		"nearer by more than one of the biases": {engine.Left{Available: nearer, Pods: GiB, EvictionBias: -11 * MiB, OOMBias: -9 * MiB}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := m.With(n, tc.left)
			headroom, oom := tc.left.Available-500*MiB, tc.left.Available
			if tc.evicts {
				headroom = tc.left.Pods - 500*MiB
			}
			if tc.kills {
				oom = tc.left.Pods
			}
			if got.EvictionOfPods != tc.evicts || got.OOMOfPods != tc.kills || got.Headroom != headroom || got.OOMHeadroom != oom {
				t.Errorf("%+v; want kubepods first %t and %t, headroom %d, %d", got, tc.evicts, tc.kills, headroom, oom)
			}
		})
	}
}

// Each signal comes with its own limit and threshold: a percentage is one of that limit.
func TestSignals(t *testing.T) {
	config := &facts.KubeletConfig{
		EvictionHard: facts.Threshold{Set: true, Fraction: 0.25}, KubeReserved: 2 * GiB, SystemReserved: 2 * GiB, PodsEnforced: true,
	}
	cases := map[string]struct {
		edit               func(*facts.Node)
		wantNode, wantPods engine.Signal
	}{
		"both": {
			edit:     func(*facts.Node) {},
			wantNode: engine.Signal{Used: 10 * GiB, Limit: 16 * GiB, Threshold: 4 * GiB},
			wantPods: engine.Signal{Used: 8 * GiB, Limit: 12 * GiB, Threshold: 3 * GiB},
		},
		"no reading of kubepods": {
			edit:     func(n *facts.Node) { n.Usage.PodsWorkingSet = facts.Unknown },
			wantNode: engine.Signal{Used: 10 * GiB, Limit: 16 * GiB, Threshold: 4 * GiB},
		},
		"more available than there is": {
			edit:     func(n *facts.Node) { n.Usage.Available, n.Usage.PodsWorkingSet = 17*GiB, facts.Unknown },
			wantNode: engine.Signal{Limit: 16 * GiB, Threshold: 4 * GiB},
		},
		"no reading of the node":  {edit: func(n *facts.Node) { n.Usage.WorkingSet = facts.Unknown }},
		"nothing evicts":          {edit: func(n *facts.Node) { n.Config = &facts.KubeletConfig{PodsEnforced: true} }},
		"a node without capacity": {edit: func(n *facts.Node) { n.Capacity = 0 }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := Node(16 * GiB)
			n.Config, n.Usage.WorkingSet, n.Usage.PodsWorkingSet = config, 10*GiB, 8*GiB
			tc.edit(n)
			v := evaluate(n)
			node, pods := v.Memory.Signals(n)
			same(t, "memory.available", tc.wantNode, node)
			same(t, "allocatableMemory.available", tc.wantPods, pods)
		})
	}
}
