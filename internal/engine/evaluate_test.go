package engine_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

func TestFreshness(t *testing.T) {
	cases := map[string]struct {
		source facts.Source
		age    time.Duration
		want   engine.Freshness
	}{
		"just made":              {facts.SourceMetricsAPI, 0, engine.Fresh},
		"from a clock ahead":     {facts.SourceKubelet, -time.Minute, engine.Fresh},
		"as old as may be":       {facts.SourceMetricsAPI, 3 * time.Minute, engine.Fresh},
		"older than may be":      {facts.SourceMetricsAPI, 3*time.Minute + 1, engine.Stale},
		"as old as can be used":  {facts.SourceMetricsAPI, 10 * time.Minute, engine.Stale},
		"older than can be used": {facts.SourceMetricsAPI, 10*time.Minute + 1, engine.Unavailable},
		"from no source":         {facts.SourceNone, 0, engine.Unavailable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := Node(16 * GiB)
			n.Usage.Source, n.Usage.ObservedAt = tc.source, Now.Add(-tc.age)
			if got := engine.Evaluate(n, Policy(), Now).Freshness; got != tc.want {
				t.Errorf("freshness %d; want %d", got, tc.want)
			}
		})
	}
	n := Node(16 * GiB)
	n.Usage.ObservedAt = time.Time{}
	if got := engine.Evaluate(n, Policy(), Now).Freshness; got != engine.Unavailable {
		t.Errorf("never read: freshness %d; want unavailable", got)
	}
}

// crowd is a node with something to say in every part of a verdict.
func crowd() *facts.Node {
	n := Node(16*GiB,
		Pod("hog").Running(GiB, 8*GiB).Growth(4*GiB).Edit(func(p *facts.Pod) { p.Containers[0].Limit = 9 * GiB }),
		Pod("web").Running(0, GiB).Critical(),
		Pod("static").Running(0, 100*MiB).Exempt(),
		Pod("pending").Waiting(GiB),
		Pod("unread").Unread(GiB),
	)
	n.Allocatable -= 100 * MiB
	return n
}

func TestEvaluateOfUnavailableReadings(t *testing.T) {
	n := crowd()
	n.Usage.ObservedAt = Now.Add(-time.Hour)
	v := engine.Evaluate(n, Policy(), Now)
	if v.Memory.Available != facts.Unknown || v.Memory.HeadroomKnown || v.Memory.OOMHeadroomKnown {
		t.Errorf("memory %+v; want nothing known", v.Memory)
	}
	if v.Culprit.PodState != nil || len(v.Limits) != 0 || v.Missing != 4 || v.Exempt != 1 {
		t.Errorf("culprit %v, %d limits, %d missing, %d exempt; want none, 0, 4, 1", v.Culprit.PodState, len(v.Limits), v.Missing, v.Exempt)
	}
	if o := v.Outlook; o.Next.Killer != engine.None || o.WrongVictim || o.CriticalAtRisk || o.CriticalPods != 1 {
		t.Errorf("outlook %+v; want no killer near, and web in the front all the same", o)
	}
	for _, o := range v.OOM {
		if o.UsageKnown || o.Usage != 0 {
			t.Errorf("%s has a usage of %d, known %t", o.Name, o.Usage, o.UsageKnown)
		}
	}
	if n.Pods[0].WorkingSet != 8*GiB || n.Usage.WorkingSet == facts.Unknown {
		t.Error("the input has lost its readings")
	}
	// The order that is left is the one by what needs no reading: stats, requests, priority, names.
	var got []string
	for _, e := range v.Eviction {
		got = append(got, e.Name)
	}
	if diff := cmp.Diff([]string{"pending", "web", "hog", "unread"}, got); diff != "" {
		t.Errorf("eviction order (-want +got):\n%s", diff)
	}
}

func TestEvaluateOfStaleReadingsRanksAllTheSame(t *testing.T) {
	n := crowd()
	fresh := engine.Evaluate(n, Policy(), Now)
	stale := engine.Evaluate(n, Policy(), Now.Add(5*time.Minute))
	if stale.Freshness != engine.Stale {
		t.Fatalf("freshness %d; want stale", stale.Freshness)
	}
	stale.Freshness, stale.At, stale.Calm.At = engine.Fresh, fresh.At, fresh.Calm.At
	if diff := cmp.Diff(fresh, stale); diff != "" {
		t.Errorf("stale readings change more than the freshness (-fresh +stale):\n%s", diff)
	}
}

func TestMissingCountsRunningPodsOnly(t *testing.T) {
	if v := engine.Evaluate(crowd(), Policy(), Now); v.Missing != 1 {
		t.Errorf("missing %d; want 1: unread runs, pending does not", v.Missing)
	}
}

func TestKernelRulesDoNotApply(t *testing.T) {
	windows := crowd()
	windows.Linux, windows.NotLinux = false, "the operating system is windows"
	noCapacity := crowd()
	noCapacity.Capacity = 0
	cases := map[string]struct {
		node *facts.Node
		want string
	}{
		"not Linux":            {windows, "the operating system is windows"},
		"no capacity, fact 16": {noCapacity, oom.ErrNoCapacity.Error()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v := engine.Evaluate(tc.node, Policy(), Now)
			if len(v.OOM) != 0 || v.NoOOM != tc.want {
				t.Errorf("%d in the kernel's order, because %q; want none, because %q", len(v.OOM), v.NoOOM, tc.want)
			}
			if len(v.Eviction) != 4 {
				t.Errorf("%d in the eviction order; want 4: the kubelet evicts there too", len(v.Eviction))
			}
		})
	}
}

func TestAtRisk(t *testing.T) {
	cases := map[string]struct {
		change func(*facts.Node)
		want   bool
	}{
		"ample memory":             {func(*facts.Node) {}, false},
		"memory runs short":        {func(n *facts.Node) { n.Usage.WorkingSet = 15 * GiB }, true},
		"the kubelet says it does": {func(n *facts.Node) { n.MemoryPressure = facts.StateTrue }, true},
		"the kubelet says nothing": {func(n *facts.Node) { n.MemoryPressure = facts.StateUnknown }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := Node(16*GiB, Pod("web").Running(0, GiB).Critical())
			n.Allocatable -= 100 * MiB
			tc.change(n)
			if v := engine.Evaluate(n, Policy(), Now); v.AtRisk() != tc.want {
				t.Errorf("AtRisk() = %t; want %t", v.AtRisk(), tc.want)
			}
		})
	}
}

func TestCulprit(t *testing.T) {
	const percent16 = 16 * GiB / 100 // of the node, above 64Mi
	cases := map[string]struct {
		capacity int64
		pods     []*PodBuilder
		want     string
		wantGrew bool
		wantSum  int64
	}{
		"nobody on an empty node": {16 * GiB, nil, "", false, 0},
		"who grew most": {
			16 * GiB, []*PodBuilder{Pod("a").Running(0, 8*GiB).Growth(GiB), Pod("b").Running(GiB, 2*GiB).Growth(GiB + 1)}, "b", true, GiB + 1,
		},
		"growth of 1% of the node is noise": {
			16 * GiB, []*PodBuilder{Pod("a").Running(0, GiB), Pod("b").Running(0, MiB).Growth(percent16)}, "a", false, GiB,
		},
		"growth of more than 1% of the node is not": {
			16 * GiB, []*PodBuilder{Pod("a").Running(0, GiB), Pod("b").Running(0, MiB).Growth(percent16 + 1)}, "b", true, percent16 + 1,
		},
		"growth of 64Mi is noise on a small node": {
			GiB, []*PodBuilder{Pod("a").Running(0, 2*MiB), Pod("b").Running(0, MiB).Growth(64 * MiB)}, "", false, 0,
		},
		"growth of more than 64Mi is not": {
			GiB, []*PodBuilder{Pod("a").Running(0, 2*MiB), Pod("b").Running(0, MiB).Growth(64*MiB + 1)}, "b", true, 64*MiB + 1,
		},
		"who is furthest over its request, if none grew": {
			16 * GiB, []*PodBuilder{Pod("a").Running(GiB, 3*GiB).Growth(-GiB), Pod("b").Running(4*GiB, 5*GiB)}, "a", false, 2 * GiB,
		},
		"nobody, if all keep to their requests": {
			16 * GiB, []*PodBuilder{Pod("a").Running(GiB, GiB), Pod("b").Running(2*GiB, GiB)}, "", false, 0,
		},
		"nobody, if the one over its request holds next to nothing": {
			16 * GiB, []*PodBuilder{Pod("a").Running(0, GiB), Pod("b").Running(12*GiB, 11*GiB)}, "", false, 0,
		},
		"a tenth of what pods use, over its request": {
			16 * GiB, []*PodBuilder{Pod("a").Running(0, GiB), Pod("b").Running(12*GiB, 9*GiB)}, "a", false, GiB,
		},
		"nobody, if what is over requests is noise": {
			16 * GiB, []*PodBuilder{Pod("a").Running(2*GiB, 2*GiB+percent16)}, "", false, 0,
		},
		"nobody, if no growth is known": {16 * GiB, []*PodBuilder{Pod("a").Running(0, 8*GiB).ReadOnce()}, "", false, 0},
		"nobody without a reading": {
			16 * GiB, []*PodBuilder{Pod("a").Unread(0).Growth(GiB), Pod("b").Waiting(0)}, "", false, 0,
		},
		"an exempt pod too": {16 * GiB, []*PodBuilder{Pod("a").Running(0, GiB).Exempt()}, "a", false, GiB},
		"of equals the first by name": {
			16 * GiB, []*PodBuilder{Pod("b").Running(0, GiB), Pod("a").Running(0, GiB), Pod("c").Running(0, GiB)}, "a", false, GiB,
		},
		"of equals the first by namespace": {
			16 * GiB, []*PodBuilder{Pod("a").Running(0, GiB), Pod("z").Namespace("data").Running(0, GiB)}, "z", false, GiB,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := engine.Evaluate(Node(tc.capacity, tc.pods...), Policy(), Now).Culprit
			got := ""
			if c.PodState != nil {
				got = c.Name
			}
			if got != tc.want || c.Grew != tc.wantGrew || c.Amount != tc.wantSum {
				t.Errorf("culprit %q, grew %t, by %d; want %q, %t, %d", got, c.Grew, c.Amount, tc.want, tc.wantGrew, tc.wantSum)
			}
		})
	}
}

func TestCulpritAmong(t *testing.T) {
	n := Node(16*GiB, Pod("a").Running(0, 2*GiB), Pod("b").Running(0, GiB))
	c := engine.CulpritAmong(n, func(p *facts.PodState) bool { return p.Name != "a" })
	if c.PodState == nil || c.Name != "b" {
		t.Errorf("culprit %+v; want b, a does not count", c)
	}
}

// A pod stays accused down to three quarters of what accuses one, so that noise at a threshold neither clears nor accuses.
func TestStillCulprit(t *testing.T) {
	const noise = 16 * GiB / 100
	cases := map[string]struct {
		accused *PodBuilder
		grew    bool
		want    bool
	}{
		"growth just below noise":                    {Pod("a").Running(0, GiB).Growth(noise - MiB), true, true},
		"growth below three quarters of noise":       {Pod("a").Running(0, GiB).Growth(noise / 2), true, false},
		"over the request by just less than noise":   {Pod("a").Running(2*GiB, 2*GiB+noise-MiB), false, true},
		"over the request by half of noise":          {Pod("a").Running(2*GiB, 2*GiB+noise/2), false, false},
		"over the request, a little less than tenth": {Pod("a").Running(0, 900*MiB), false, true},
		"over the request, a twentieth":              {Pod("a").Running(0, 450*MiB), false, false},
		"no reading":                                 {Pod("a").Unread(0).Growth(GiB), true, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := Node(16*GiB, tc.accused, Pod("b").Running(9*GiB, 9*GiB))
			v := engine.Evaluate(n, Policy(), Now)
			c := engine.StillCulprit(v.Node, v.Node.Pods[0].UID, tc.grew)
			if got := c.PodState != nil; got != tc.want || got && (c.Name != "a" || c.Grew != tc.grew) {
				t.Errorf("still accused: %t (%+v), want %t", got, c, tc.want)
			}
		})
	}
	if c := engine.StillCulprit(Node(16*GiB, Pod("b").Running(0, GiB)), "gone", true); c.PodState != nil {
		t.Errorf("a pod that is gone is still accused: %+v", c)
	}
}
