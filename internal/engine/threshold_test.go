package engine_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// TestFact52SoftThreshold: a soft threshold raises MemoryPressure as soon as it is crossed, so the nearest threshold counts,
// soft or hard, of either signal.
func TestFact52SoftThreshold(t *testing.T) {
	type want struct {
		Soft, OfPods            bool
		Headroom, NearThreshold int64
		HardHeadroom            int64
		Crossed                 bool
	}
	for name, tc := range map[string]struct {
		hard, soft      facts.Threshold
		available, pods int64
		reserved        int64
		want            want
	}{
		"soft above hard, not crossed": {
			hard: bytesOf(500 * MiB), soft: bytesOf(800 * MiB), available: 2 * GiB,
			want: want{Soft: true, Headroom: 2*GiB - 800*MiB, NearThreshold: 800 * MiB, HardHeadroom: 2*GiB - 500*MiB},
		},
		"soft crossed, hard not": {
			hard: bytesOf(500 * MiB), soft: bytesOf(800 * MiB), available: 700 * MiB,
			want: want{Soft: true, Headroom: -100 * MiB, NearThreshold: 800 * MiB, HardHeadroom: 200 * MiB, Crossed: true},
		},
		"just not crossed": {
			hard: bytesOf(500 * MiB), soft: bytesOf(800 * MiB), available: 800 * MiB,
			want: want{Soft: true, NearThreshold: 800 * MiB, HardHeadroom: 300 * MiB},
		},
		"soft at hard: the hard one acts": {
			hard: bytesOf(500 * MiB), soft: bytesOf(500 * MiB), available: 700 * MiB,
			want: want{Headroom: 200 * MiB, NearThreshold: 500 * MiB, HardHeadroom: 200 * MiB},
		},
		"soft below hard": {
			hard: percent(5), soft: bytesOf(500 * MiB), available: 2 * GiB,
			want: want{Headroom: 2*GiB - 858993472, NearThreshold: 858993472, HardHeadroom: 2*GiB - 858993472},
		},
		"kubepods nearer than the soft one": {
			hard: bytesOf(500 * MiB), soft: bytesOf(800 * MiB), available: 4 * GiB, reserved: 8 * GiB, pods: 7 * GiB,
			want: want{OfPods: true, Headroom: 524 * MiB, NearThreshold: 500 * MiB, HardHeadroom: 524 * MiB},
		},
		"the soft one nearer than kubepods": {
			hard: bytesOf(500 * MiB), soft: bytesOf(800 * MiB), available: GiB, reserved: 8 * GiB, pods: 7 * GiB,
			want: want{Soft: true, Headroom: 224 * MiB, NearThreshold: 800 * MiB, HardHeadroom: 524 * MiB},
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := node(func(n *facts.Node) {
				n.Config = &facts.KubeletConfig{
					EvictionHard: tc.hard, EvictionSoft: tc.soft, SoftGrace: time.Minute, PodsEnforced: true, SystemReserved: tc.reserved,
				}
				n.Usage.Available, n.Usage.PodsWorkingSet = tc.available, tc.pods
			})
			m := memoryOf(n, Policy())
			got := want{m.EvictionSoft, m.EvictionOfPods, m.Headroom, m.NearThreshold, m.HardHeadroom, m.SoftCrossed()}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("memory (-want +got):\n%s", diff)
			}
			if signal, _ := m.Signals(n); signal.Threshold != max(m.Threshold, m.SoftThreshold) {
				t.Errorf("the forecast goes by a threshold of %d", signal.Threshold)
			}
		})
	}
}

// TestScopeInferred: without the kubelet's configuration, allocatable tells of the limit of kubepods, and the pods' readings
// of what is used of that.
func TestScopeInferred(t *testing.T) {
	type want struct {
		OfPods         bool
		OOMLimit, Left int64
		EvictionOfPods bool
		Headroom       int64
		Source         engine.ThresholdSource
		Reserved       int64
	}
	pods := []*PodBuilder{Pod("a").Running(0, 6*GiB), Pod("b").Running(0, 4*GiB)}
	for name, tc := range map[string]struct {
		change func(*facts.Node)
		want   want
	}{
		"4Gi reserved, the pods nearly fill the rest": {
			change: func(n *facts.Node) { n.Allocatable = 12*GiB - 100*MiB },
			want:   want{true, 12 * GiB, 2 * GiB, true, 2*GiB - 100*MiB, engine.AssumedThreshold, 4 * GiB},
		},
		"the node is fuller than kubepods": {
			change: func(n *facts.Node) { n.Allocatable, n.Usage.WorkingSet = 12*GiB-100*MiB, 15*GiB },
			want:   want{false, 16 * GiB, GiB, false, GiB - 100*MiB, engine.AssumedThreshold, 4 * GiB},
		},
		"nothing reserved": {
			change: func(n *facts.Node) { n.Allocatable = 16*GiB - 100*MiB },
			want:   want{false, 16 * GiB, 6 * GiB, false, 6*GiB - 100*MiB, engine.InferredThreshold, 0},
		},
		"the kubelet's reading of kubepods counts, not the pods'": {
			change: func(n *facts.Node) { n.Allocatable, n.Usage.PodsWorkingSet = 12*GiB-100*MiB, 11*GiB },
			want:   want{true, 12 * GiB, GiB, true, GiB - 100*MiB, engine.AssumedThreshold, 4 * GiB},
		},
		"a pod without a reading counts as nothing": {
			change: func(n *facts.Node) { n.Allocatable, n.Pods[1].WorkingSet = 12*GiB-100*MiB, facts.Unknown },
			want:   want{false, 16 * GiB, 6 * GiB, false, 6*GiB - 100*MiB, engine.AssumedThreshold, 4 * GiB},
		},
		"pods that use more than their node, by their readings": {
			change: func(n *facts.Node) { n.Allocatable, n.Usage.WorkingSet = 12*GiB-100*MiB, 8*GiB },
			want:   want{true, 12 * GiB, 4 * GiB, true, 4*GiB - 100*MiB, engine.AssumedThreshold, 4 * GiB},
		},
		"k3s: no threshold, but a limit": {
			change: func(n *facts.Node) { n.Allocatable, n.DroppedBy, n.DefaultEvictionHard = 12*GiB, "k3s", 0 },
			want:   want{true, 12 * GiB, 2 * GiB, false, 6 * GiB, engine.NoThreshold, 4 * GiB},
		},
		"Windows has no kubepods": {
			change: func(n *facts.Node) { n.Linux, n.Allocatable = false, 12*GiB-100*MiB },
			want:   want{false, 16 * GiB, 6 * GiB, false, 6*GiB - 100*MiB, engine.AssumedThreshold, 4 * GiB},
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := Node(16*GiB, pods...)
			tc.change(n)
			m := memoryOf(n, Policy())
			reserved, _ := m.Reserved(n)
			got := want{m.OOMOfPods, m.OOMLimit, m.OOMHeadroom, m.EvictionOfPods, m.Headroom, m.ThresholdSource, reserved}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("memory (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFact49DefaultThresholds: what is inferred and assumed depends on the operating system and the distribution.
func TestFact49DefaultThresholds(t *testing.T) {
	windows := func(n *facts.Node) { n.Linux, n.DefaultEvictionHard = false, 500*MiB }
	for name, tc := range map[string]struct {
		change     func(*facts.Node)
		assumed    facts.Threshold
		want       int64
		wantSource engine.ThresholdSource
	}{
		"Windows, exactly 500Mi left out": {
			change: func(n *facts.Node) { windows(n); n.Allocatable -= 500 * MiB }, want: 500 * MiB, wantSource: engine.InferredThreshold,
		},
		"Windows, 100Mi left out: the threshold cannot be more": {
			change: func(n *facts.Node) { windows(n); n.Allocatable -= 100 * MiB }, want: 100 * MiB,
		},
		"Windows, nothing known": {change: func(n *facts.Node) { windows(n); n.Allocatable = 0 }, want: 500 * MiB},
		"Windows, a percentage of its commit limit": {
			change: func(n *facts.Node) {
				windows(n)
				n.Usage.CommitLimit, n.Config = 20*GiB, &facts.KubeletConfig{EvictionHard: facts.Threshold{Set: true, Fraction: 0.25}}
			},
			want: 5 * GiB, wantSource: engine.KubeletThreshold,
		},
		"Windows, a percentage, its commit limit not known": {
			change: func(n *facts.Node) {
				windows(n)
				n.Config = &facts.KubeletConfig{EvictionHard: facts.Threshold{Set: true, Fraction: 0.25}}
			},
			want: 4 * GiB, wantSource: engine.KubeletThreshold,
		},
		"Windows, the policy's own wish":    {change: func(n *facts.Node) { windows(n); n.Allocatable = 0 }, assumed: bytesOf(GiB), want: GiB},
		"k3s, something left out":           {change: func(n *facts.Node) { n.DroppedBy = "k3s"; n.Allocatable -= GiB }, wantSource: engine.NoThreshold},
		"k3s, nothing known of allocatable": {change: func(n *facts.Node) { n.DroppedBy = "k3s"; n.Allocatable = 0 }, wantSource: engine.NoThreshold},
		"k3s, read": {
			change: func(n *facts.Node) {
				n.DroppedBy, n.Config = "k3s", &facts.KubeletConfig{EvictionHard: bytesOf(200 * MiB)}
			}, want: 200 * MiB, wantSource: engine.KubeletThreshold,
		},
		"a virtual node": {change: func(n *facts.Node) { n.Virtual = true }, wantSource: engine.NoThreshold},
	} {
		t.Run(name, func(t *testing.T) {
			p := Policy()
			if tc.assumed.Set {
				p.AssumedEvictionHard = tc.assumed
			}
			m := memoryOf(node(tc.change), p)
			if m.Threshold != tc.want || m.ThresholdSource != tc.wantSource || (tc.wantSource == engine.NoThreshold && m.HeadroomKnown) {
				t.Errorf("threshold %d from %d, headroom known %t; want %d from %d", m.Threshold, m.ThresholdSource, m.HeadroomKnown, tc.want, tc.wantSource)
			}
		})
	}
}

// TestNonPod: what no pod uses is known only where every running pod has a reading, or kubepods has one.
func TestNonPod(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*facts.Node)
		want   int64
	}{
		"the pods' readings":       {func(*facts.Node) {}, 6 * GiB},
		"kubepods' reading wins":   {func(n *facts.Node) { n.Usage.PodsWorkingSet = 9 * GiB }, GiB},
		"no reading of the node":   {func(n *facts.Node) { n.Usage.WorkingSet = facts.Unknown }, facts.Unknown},
		"a pod without one":        {func(n *facts.Node) { n.Pods[0].WorkingSet = facts.Unknown }, facts.Unknown},
		"more in pods than on all": {func(n *facts.Node) { n.Usage.PodsWorkingSet = 11 * GiB }, 0},
		"a pod that does not run yet": {func(n *facts.Node) {
			n.Pods = append(n.Pods, Pod("c").Waiting(GiB).State())
		}, 6 * GiB},
	} {
		t.Run(name, func(t *testing.T) {
			n := Node(16*GiB, Pod("a").Running(0, 4*GiB))
			n.Usage.WorkingSet = 10 * GiB
			tc.change(n)
			if m := memoryOf(n, Policy()); m.NonPod != tc.want {
				t.Errorf("%d outside of pods; want %d", m.NonPod, tc.want)
			}
		})
	}
}

// TestPlatformsWithoutOrders: Windows has no orders of the kernel, a virtual node none at all.
func TestPlatformsWithoutOrders(t *testing.T) {
	limited := Pod("a").Running(0, GiB).Edit(func(p *facts.Pod) { p.Containers[0].Limit = GiB })
	windows, virtual := Node(16*GiB, limited), Node(16*GiB, limited)
	windows.Linux, windows.NotLinux, windows.Allocatable = false, "Windows", 15*GiB
	virtual.Linux, virtual.Virtual, virtual.NotLinux = false, true, "KWOK"
	w, v := engine.Evaluate(windows, Policy(), Now), engine.Evaluate(virtual, Policy(), Now)
	if len(w.Eviction) != 1 || len(w.OOM)+len(w.Limits) != 0 || w.Outlook.Next.Killer != engine.Eviction {
		t.Errorf("Windows: %d, %d, %d in the orders, next %d", len(w.Eviction), len(w.OOM), len(w.Limits), w.Outlook.Next.Killer)
	}
	if len(v.Eviction)+len(v.OOM)+len(v.Limits) != 0 || v.Outlook.Next.Killer != engine.None || v.NoOOM != "KWOK" {
		t.Errorf("virtual: %d, %d, %d in the orders, next %d, %q", len(v.Eviction), len(v.OOM), len(v.Limits), v.Outlook.Next.Killer, v.NoOOM)
	}
}

// TestPageCacheIsNoThreat: a limit that page cache fills is no coming kill.
func TestPageCacheIsNoThreat(t *testing.T) {
	for name, tc := range map[string]struct {
		rss, tmpfs int64
		want       engine.Killer
	}{
		"all resident":                        {900 * MiB, 0, engine.Limit},
		"most of it page cache":               {300 * MiB, 0, engine.Eviction},
		"resident not known":                  {facts.Unknown, 0, engine.Limit},
		"what may be memory-backed files too": {300 * MiB, MiB, engine.Limit},
	} {
		t.Run(name, func(t *testing.T) {
			n := Node(16*GiB, Pod("a").Running(0, 950*MiB).Reading(facts.ContainerUsage{WorkingSet: 950 * MiB, RSS: tc.rss, Swap: facts.Unknown}).
				Edit(func(p *facts.Pod) { p.Containers[0].Limit, p.Containers[0].Tmpfs = GiB, tc.tmpfs }).Critical())
			n.Allocatable -= 100 * MiB
			v := engine.Evaluate(n, Policy(), Now)
			if v.Outlook.Next.Killer != tc.want {
				t.Errorf("next killer %d; want %d", v.Outlook.Next.Killer, tc.want)
			}
			atLimit := 0
			for _, r := range v.Outlook.Risks {
				if r.Killer == engine.Limit {
					atLimit++
				}
			}
			if (atLimit == 1) != (tc.want == engine.Limit) {
				t.Errorf("%d at risk of its limit", atLimit)
			}
		})
	}
}
