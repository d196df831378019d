package oom_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// task is a line of a table that the kernel printed when it killed (Linux 6.18).
type task struct {
	name               string
	rssPages, pgtables int64
	adj                int32
	points             int64
}

// TestFact17KernelTable is the kernel's own table of a kill in kubepods: totalpages 512141, and the points that it
// gave each process. The Burstable burst-big dies before the BestEffort be-300.
func TestFact17KernelTable(t *testing.T) {
	const totalpages = 512141
	tasks := []task{
		{"burst-big", 230578, 1933312, 990, 737930},
		{"be-300", 77024, 704512, 1000, 589196},
		{"burst-fit", 64224, 593920, 979, 565617},
		{"trigger", 49504, 487424, 1000, 561623},
		{"bystander", 5344, 126976, 1000, 517375},
		{"gua-300", 77024, 704512, 0, 77196},
	}
	for _, p := range tasks {
		memory := p.rssPages*oom.PageSize + p.pgtables
		if got := oom.Badness(memory, p.adj, totalpages*oom.PageSize) / oom.PageSize; got != p.points {
			t.Errorf("%s: %d points; the kernel gave %d", p.name, got, p.points)
		}
	}
}

func TestFact17Badness(t *testing.T) {
	cases := map[string]struct {
		memory int64
		adj    int32
		limit  int64
		want   int64
	}{
		"adj 0 is memory alone":               {GiB, 0, 16 * GiB, GiB},
		"part of a page is none":              {2*oom.PageSize - 1, 0, 16 * GiB, oom.PageSize},
		"pages are divided by 1000 first":     {0, 1000, 1999 * oom.PageSize, 1000 * oom.PageSize},
		"under 1000 pages adj weighs nothing": {GiB, 1000, 999 * oom.PageSize, GiB},
		"it may be negative":                  {GiB, -997, 16 * GiB, GiB - 997*4194*oom.PageSize},
		"no limit":                            {GiB, 1000, 0, GiB},
		"absurd amounts do not overflow":      {facts.MaxBytes, 1000, 2 * facts.MaxBytes, facts.MaxBytes + 1000*4398046511*oom.PageSize},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := oom.Badness(tc.memory, tc.adj, tc.limit); got != tc.want {
				t.Errorf("Badness = %d; want %d", got, tc.want)
			}
		})
	}
}

// TestFact18Score follows proc_oom_score: (1000 + badness x 1000 / totalpages) x 2/3, in C's integers.
func TestFact18Score(t *testing.T) {
	const limit = 1000000 * oom.PageSize
	cases := map[string]struct {
		memory int64
		adj    int32
		total  int64
		want   int32
	}{
		"idle and neutral":               {0, 0, limit, 666},
		"idle BestEffort":                {0, 1000, limit, 1333},
		"BestEffort with all memory":     {limit, 1000, limit, 2000},
		"idle Guaranteed":                {0, -997, limit, 2},
		"Guaranteed with half":           {limit / 2, -997, limit, 335},
		"a thousandth counts":            {limit / 1000, 1000, limit, 1334}, // 2001 x 2/3
		"less than a thousandth not":     {limit/1000 - oom.PageSize, 1000, limit, 1333},
		"a node without memory":          {GiB, 1000, 0, 0},
		"less than a page of memory":     {GiB, 1000, 1, 0},
		"a reading of more than all":     {4 * limit, 1000, limit, 2000},
		"a reading of far more than all": {facts.MaxBytes, 1000, oom.PageSize, 2000},
		"never below 0":                  {0, -1000, limit, 0},
		"payments-api on 16 GiB":         {200 * MiB, 1000, 16 * GiB, 1341}, // 51200+4194000 pages of 4194304: 1012
		"swap is part of the total":      {0, 1000, 2 * limit, 1333},
		"absurd amounts do not overflow": {facts.MaxBytes, 1000, facts.MaxBytes, 1999}, // pages/1000 rounds down
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := oom.Score(tc.memory, tc.adj, tc.total); got != tc.want {
				t.Errorf("Score = %d; want %d", got, tc.want)
			}
		})
	}
}

// place is a victim as the tests compare them.
type place struct {
	Container string
	Adj       int32
	Usage     int64
	Known     bool
}

func places(t *testing.T, n *facts.Node, limit int64) (ps []place) {
	t.Helper()
	order, err := oom.Order(n, limit)
	if err != nil {
		t.Fatal(err)
	}
	for i := range order {
		v := &order[i]
		ps = append(ps, place{v.Name + "/" + v.ContainerName(), v.Adj, v.Usage + v.Swap, v.UsageKnown})
	}
	return ps
}

func TestOrderTakesEveryRunningContainer(t *testing.T) {
	running := func(name string, kind facts.ContainerKind) facts.Container {
		return facts.Container{Name: name, Kind: kind, Running: true}
	}
	n := Node(16*GiB,
		Pod("web").Container(running("init", facts.Init), GiB).Container(running("side", facts.Sidecar), 4*GiB).
			Container(running("debug", facts.Ephemeral), 2*GiB).Container(facts.Container{Name: "waiting"}, 8*GiB),
		Pod("static").Running(0, 3*GiB).Exempt(), // the kernel knows no exemption
		Pod("guaranteed").Running(8*GiB, 6*GiB).QOS(facts.Guaranteed),
		Pod("empty"),
	)
	want := []place{
		{"web/side", 1000, 4 * GiB, true},
		{"static/app", 1000, 3 * GiB, true},
		{"web/debug", 1000, 2 * GiB, true},
		{"web/init", 1000, GiB, true},
		{"guaranteed/app", -997, 6 * GiB, true},
	}
	if diff := cmp.Diff(want, places(t, n, n.Capacity)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestOrderWeighsRSSAndSwap(t *testing.T) {
	reading := func(name string, u facts.ContainerUsage) *PodBuilder {
		return Pod(name).Container(facts.Container{Name: "app", Running: true}, 0).Reading(u)
	}
	n := Node(16*GiB,
		reading("cache", facts.ContainerUsage{WorkingSet: 8 * GiB, RSS: 1 * GiB, Swap: facts.Unknown}), // page cache is nobody's
		reading("no-rss", facts.ContainerUsage{WorkingSet: 2 * GiB, RSS: facts.Unknown, Swap: facts.Unknown}),
		reading("swapped", facts.ContainerUsage{WorkingSet: 1 * GiB, RSS: 1 * GiB, Swap: 3 * GiB}),
		reading("unread", facts.NoContainerUsage),
		Pod("no-reading").Unread(0),
	)
	want := []place{
		{"swapped/app", 1000, 4 * GiB, true},
		{"no-rss/app", 1000, 2 * GiB, true},
		{"cache/app", 1000, GiB, true},
		{"no-reading/app", 1000, 0, false},
		{"unread/app", 1000, 0, false},
	}
	if diff := cmp.Diff(want, places(t, n, n.Capacity)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// TestFact21TheScopeSetsTheScale: the same two pods change places where kubepods, not the node, runs out, since adj
// is in thousandths of the limit that is hit.
func TestFact21TheScopeSetsTheScale(t *testing.T) {
	n := Node(64*GiB,
		Pod("small-best-effort").Running(0, 100*MiB),
		Pod("big-burstable").Running(32*GiB, 20*GiB),
	)
	scale := map[string]struct {
		limit int64
		want  []place
	}{
		"64 GiB: 0.1+64 beats 20+32": {64 * GiB, []place{
			{"small-best-effort/app", 1000, 100 * MiB, true}, {"big-burstable/app", 500, 20 * GiB, true},
		}},
		"24 GiB: 20+12 beats 0.1+24": {24 * GiB, []place{
			{"big-burstable/app", 500, 20 * GiB, true}, {"small-best-effort/app", 1000, 100 * MiB, true},
		}},
	}
	for name, tc := range scale {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, places(t, n, tc.limit)); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFact22PriorityIsNothingToTheKernel(t *testing.T) {
	for _, priority := range []int32{-1000, 0, 2000001000} {
		n := Node(16*GiB, Pod("big").Running(0, 2*GiB).Priority(priority), Pod("small").Running(0, GiB))
		want := []place{{"big/app", 1000, 2 * GiB, true}, {"small/app", 1000, GiB, true}}
		if diff := cmp.Diff(want, places(t, n, n.Capacity)); diff != "" {
			t.Errorf("priority %d, order (-want +got):\n%s", priority, diff)
		}
	}
}

func TestEqualBadnessIsOrderedByName(t *testing.T) {
	app := facts.Container{Name: "app", Running: true}
	n := Node(16*GiB,
		Pod("b").Container(app, GiB).Container(facts.Container{Name: "aaa", Running: true}, GiB),
		Pod("a").Container(app, GiB),
		Pod("c").Namespace("data").Container(app, GiB),
	)
	order, err := oom.Order(n, n.Capacity)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range order {
		got = append(got, order[i].Namespace+"/"+order[i].Name+"/"+order[i].ContainerName())
	}
	want := []string{"data/c/app", "shop/a/app", "shop/b/app", "shop/b/aaa"} // containers in the pod's order
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}
