package evict_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// names of the pods in the order they would be evicted in.
func names(order []evict.Victim) (ns []string) {
	for i := range order {
		ns = append(ns, order[i].Name)
	}
	return ns
}

// TestFact1EvictionKeys plays the kubelet's own cases (kubelet/eviction/helpers_test.go, v1.37.2) and what follows
// from its chain orderedBy(exceedMemoryRequests, priority, memory). The wanted order is that of the pods' names.
func TestFact1EvictionKeys(t *testing.T) {
	const low, high = -134, 12534
	cases := map[string]struct {
		pods []*PodBuilder
		want []string
	}{
		"TestOrderedByExceedsRequestMemory: exceeding goes first, whatever the priority": {
			pods: []*PodBuilder{
				Pod("below").Priority(-1).Running(200*MiB, 199*MiB),
				Pod("exceeds").Priority(1).Running(100*MiB, 101*MiB),
			},
			want: []string{"exceeds", "below"},
		},
		"TestOrderedByPriority": {
			pods: []*PodBuilder{
				Pod("high").Priority(high).Running(200*MiB, 0),
				Pod("medium").Priority(1).Running(100*MiB, 0),
				Pod("low").Priority(low).Running(0, 0),
			},
			want: []string{"low", "medium", "high"},
		},
		"TestOrderedByMemory: overshoot, not class": {
			pods: []*PodBuilder{
				Pod("best-effort-high").Running(0, 500*MiB),
				Pod("best-effort-low").Running(0, 300*MiB),
				Pod("burstable-high").Running(100*MiB, 800*MiB),
				Pod("burstable-low").Running(100*MiB, 300*MiB),
				Pod("guaranteed-high").Running(GiB, 800*MiB).QOS(facts.Guaranteed),
				Pod("guaranteed-low").Running(GiB, 200*MiB).QOS(facts.Guaranteed),
			},
			want: []string{
				"burstable-high", "best-effort-high", "best-effort-low", "burstable-low", "guaranteed-high", "guaranteed-low",
			},
		},
		"TestOrderedByPriorityMemory: the whole chain": {
			pods: []*PodBuilder{
				Pod("8").Priority(high).Running(GiB, 200*MiB),
				Pod("7").Priority(high).Running(GiB, 800*MiB),
				Pod("6").Priority(low).Running(GiB, 200*MiB),
				Pod("5").Priority(low).Running(GiB, 800*MiB),
				Pod("4").Priority(high).Running(100*MiB, 150*MiB),
				Pod("3").Priority(high).Running(100*MiB, 600*MiB),
				Pod("2").Priority(low).Running(0, 50*MiB),
				Pod("1").Priority(low).Running(0, 500*MiB),
			},
			want: []string{"1", "2", "3", "4", "5", "6", "7", "8"},
		},
		"a lower priority outranks any overshoot": {
			pods: []*PodBuilder{
				Pod("8Gi-over").Priority(1).Running(GiB, 9*GiB),
				Pod("1Mi-over").Priority(0).Running(GiB, GiB+MiB),
			},
			want: []string{"1Mi-over", "8Gi-over"},
		},
		"using just the request is not exceeding it": {
			pods: []*PodBuilder{
				Pod("just").Priority(-1).Running(100*MiB, 100*MiB),
				Pod("one-byte-over").Running(100*MiB, 100*MiB+1),
			},
			want: []string{"one-byte-over", "just"},
		},
		"within requests the nearest to it goes first": {
			pods: []*PodBuilder{
				Pod("900Mi-left").Running(GiB, 124*MiB),
				Pod("1Mi-left").Running(2*MiB, 1*MiB),
			},
			want: []string{"1Mi-left", "900Mi-left"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			order, _ := evict.Order(Node(64*GiB, tc.pods...))
			if diff := cmp.Diff(tc.want, names(order)); diff != "" {
				t.Errorf("eviction order (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFact1RealKubelet is a ranking that a kubelet v1.37.2 logged ("pods ranked for eviction") with what its pods
// used and requested then. It ranks node-agent too, and spares it when it comes to killing.
func TestFact1RealKubelet(t *testing.T) {
	n := Node(24684084*KiB,
		Pod("node-agent").Running(32*MiB, 22864*KiB).Priority(2000001000).Exempt(),
		Pod("data-pipeline").Running(GiB, 309596*KiB),
		Pod("web").Running(576*MiB, 76403*KiB),
		Pod("ledger").Running(256*MiB, 104800*KiB).QOS(facts.Guaranteed),
		Pod("gua-300").Running(400*MiB, 309616*KiB).QOS(facts.Guaranteed),
		Pod("checkout").Running(128*MiB, 155980*KiB).Priority(100000),
		Pod("burst-under").Running(800*MiB, 514408*KiB),
		Pod("prio-be-800").Running(0, 821608*KiB).Priority(100000),
		Pod("burst-over").Running(200*MiB, 719292*KiB),
		Pod("late-hog").Running(0, 1252924*KiB),
	)
	want := []string{
		"late-hog", "burst-over", "prio-be-800", "checkout", "gua-300", "ledger", "burst-under", "web", "data-pipeline",
	}
	order, exempt := evict.Order(n)
	if diff := cmp.Diff(want, names(order)); diff != "" || exempt != 1 {
		t.Errorf("%d exempt, eviction order (-want +got):\n%s", exempt, diff)
	}
}

func TestFact3NoKubeletStatsRankFirst(t *testing.T) {
	sandbox := func(p *facts.Pod) { p.SandboxReady = true }
	crio := func(n *facts.Node) { n.SandboxStats = true }
	hog := Pod("hog").Running(0, 8*GiB).Priority(-1000)
	cases := map[string]struct {
		pod        *PodBuilder
		node       func(*facts.Node)
		want       []string
		wantReason evict.Reason
	}{
		"a waiting container": {
			pod: Pod("p").Waiting(GiB).Priority(1000), want: []string{"p", "hog"}, wantReason: evict.NoKubeletStats,
		},
		"no container at all": {
			pod: Pod("p"), want: []string{"p", "hog"}, wantReason: evict.NoKubeletStats,
		},
		"a sandbox is not enough for containerd": {
			pod: Pod("p").Waiting(GiB).Edit(sandbox), want: []string{"p", "hog"}, wantReason: evict.NoKubeletStats,
		},
		"a sandbox is enough for cri-o": {
			pod: Pod("p").Waiting(GiB).Edit(sandbox), node: crio, want: []string{"hog", "p"}, wantReason: evict.UsageUnknown,
		},
		"no sandbox is not enough for cri-o": {
			pod: Pod("p").Waiting(GiB), node: crio, want: []string{"p", "hog"}, wantReason: evict.NoKubeletStats,
		},
		"one of two containers runs": {
			pod: Pod("p").Waiting(GiB).Running(0, MiB), want: []string{"hog", "p"}, wantReason: evict.WithinRequest,
		},
		"a reading from before it stopped does not count": {
			pod: Pod("p").Waiting(GiB).WorkingSet(2 * GiB), want: []string{"p", "hog"}, wantReason: evict.NoKubeletStats,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := Node(64*GiB, hog, tc.pod)
			if tc.node != nil {
				tc.node(n)
			}
			order, _ := evict.Order(n)
			if diff := cmp.Diff(tc.want, names(order)); diff != "" {
				t.Errorf("eviction order (-want +got):\n%s", diff)
			}
			for _, v := range order {
				if v.Name == "p" && (v.Reason != tc.wantReason || v.Usage != 0 && v.Reason == evict.NoKubeletStats) {
					t.Errorf("reason %d, usage %d; want reason %d", v.Reason, v.Usage, tc.wantReason)
				}
			}
		})
	}
}

func TestFact3AmongPodsWithoutStatsOnlyPriorityCounts(t *testing.T) {
	order, _ := evict.Order(Node(GiB,
		Pod("c").Waiting(0).Priority(5), Pod("b").Waiting(8*GiB).Priority(1), Pod("a").Waiting(GiB).Priority(1)))
	if diff := cmp.Diff([]string{"a", "b", "c"}, names(order)); diff != "" {
		t.Errorf("eviction order (-want +got):\n%s", diff)
	}
	if !order[0].Tied || !order[1].Tied || order[2].Tied {
		t.Errorf("tied: %t %t %t; want the two of priority 1, whatever they request", order[0].Tied, order[1].Tied, order[2].Tied)
	}
}

func TestFact3UsageUnknown(t *testing.T) {
	cases := map[string]struct {
		request     int64
		want        []string
		wantExceeds bool
	}{
		// Whatever runs uses more than 0 bytes; by how much is not known, so it goes last of the exceeding.
		"requests nothing: exceeding by 0":  {0, []string{"over", "unread", "within"}, true},
		"requests something: within by all": {GiB, []string{"over", "within", "unread"}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			order, _ := evict.Order(Node(64*GiB,
				Pod("within").Running(2*MiB, MiB), Pod("unread").Unread(tc.request), Pod("over").Running(0, 1)))
			if diff := cmp.Diff(tc.want, names(order)); diff != "" {
				t.Errorf("eviction order (-want +got):\n%s", diff)
			}
			for _, v := range order {
				if v.Name == "unread" && (v.Reason != evict.UsageUnknown || v.Exceeds != tc.wantExceeds || v.Usage != 0) {
					t.Errorf("reason %d, exceeds %t, usage %d", v.Reason, v.Exceeds, v.Usage)
				}
			}
		})
	}
}

// TestFact4TiesAreMarked: the kubelet's sort is not stable, so what only a name decides is nobody's to promise.
func TestFact4TiesAreMarked(t *testing.T) {
	order, _ := evict.Order(Node(64*GiB,
		Pod("b").Namespace("shop").Running(GiB, 2*GiB),
		Pod("a").Namespace("shop").Running(3*GiB, 4*GiB), // as far over its request
		Pod("z").Namespace("data").Running(0, GiB),       // and this one
		Pod("first").Running(0, GiB+1),
		Pod("last").Running(GiB, GiB),
	))
	type place struct {
		Name string
		Tied bool
	}
	var got []place
	for _, v := range order {
		got = append(got, place{v.Namespace + "/" + v.Name, v.Tied})
	}
	want := []place{{"shop/first", false}, {"data/z", true}, {"shop/a", true}, {"shop/b", true}, {"shop/last", false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

func TestFact4PodsOfOneNameAreOrderedByUID(t *testing.T) {
	twin := func(uid string) *PodBuilder {
		return Pod("twin").Running(0, GiB).Edit(func(p *facts.Pod) { p.UID = uid })
	}
	order, _ := evict.Order(Node(64*GiB, twin("2"), twin("1")))
	if order[0].UID != "1" || !order[0].Tied {
		t.Errorf("first is %s, tied %t; want 1, tied", order[0].UID, order[0].Tied)
	}
}

func TestFact5ExemptPodsAreCountedNotRanked(t *testing.T) {
	order, exempt := evict.Order(Node(64*GiB,
		Pod("static").Running(0, 8*GiB).Exempt(), Pod("waiting-static").Waiting(0).Exempt(), Pod("web").Running(0, MiB)))
	if diff := cmp.Diff([]string{"web"}, names(order)); diff != "" || exempt != 2 {
		t.Errorf("%d exempt; want 2. Eviction order (-want +got):\n%s", exempt, diff)
	}
}

func TestFact6TerminatingPodsStayCandidates(t *testing.T) {
	leaving := Pod("leaving").Running(0, 2*GiB).Edit(func(p *facts.Pod) { p.Terminating = true })
	order, _ := evict.Order(Node(64*GiB, Pod("web").Running(0, GiB), leaving))
	if diff := cmp.Diff([]string{"leaving", "web"}, names(order)); diff != "" {
		t.Errorf("eviction order (-want +got):\n%s", diff)
	}
}

func TestOrderOfAnEmptyNode(t *testing.T) {
	if order, exempt := evict.Order(&facts.Node{}); len(order) != 0 || exempt != 0 {
		t.Errorf("Order = %v, %d; want nobody", order, exempt)
	}
}

func TestCompareClassLeavesTheNoisyKeyOut(t *testing.T) {
	order, _ := evict.Order(Node(64*GiB,
		Pod("a").Running(0, 2*GiB), Pod("b").Running(0, GiB), Pod("c").Running(0, GiB).Priority(1)))
	if got := evict.CompareClass(&order[0], &order[1]); got != 0 {
		t.Errorf("CompareClass(a, b) = %d; want 0: they differ in usage only", got)
	}
	if got := evict.Compare(&order[0], &order[1]); got != -1 {
		t.Errorf("Compare(a, b) = %d; want -1", got)
	}
	if got := evict.CompareClass(&order[2], &order[1]); got != 1 {
		t.Errorf("CompareClass(c, b) = %d; want 1: it has the higher priority", got)
	}
}
