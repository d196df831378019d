package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// verdict is one of a 1000 byte node with ample headroom for both killers, and the named orders. A name ending in
// "!" is a critical pod; equal names are the same pod.
func verdict(eviction, kernel []string, limits ...engine.AtLimit) *engine.Verdict {
	pods := map[string]*facts.PodState{}
	pod := func(name string) *facts.PodState {
		if pods[name] == nil {
			b := Pod(name)
			if name[len(name)-1] == '!' {
				b.Critical()
			}
			state := b.State()
			pods[name] = &state
		}
		return pods[name]
	}
	v := &engine.Verdict{Memory: engine.Memory{
		Headroom: 500, HeadroomKnown: true, EvictionLimit: 1000, OOMHeadroom: 600, OOMHeadroomKnown: true, OOMLimit: 1000,
	}}
	for _, name := range eviction {
		v.Eviction = append(v.Eviction, evict.Victim{PodState: pod(name)})
	}
	for _, name := range kernel {
		v.OOM = append(v.OOM, oom.Victim{PodState: pod(name)})
	}
	for _, l := range limits {
		l.PodState = pod(l.Name)
		v.Limits = append(v.Limits, l)
	}
	return v
}

func atLimit(name string, usage, limit int64) engine.AtLimit {
	state := Pod(name).State()
	return engine.AtLimit{PodState: &state, Container: engine.PodLevel, Usage: usage, Limit: limit}
}

func threat(t engine.Threat) string {
	if t.Killer == engine.None {
		return "none"
	}
	return fmt.Sprintf("%s of %s in %d", [...]string{"none", "eviction", "oom", "limit"}[t.Killer], t.Victim.Name, t.Headroom)
}

func TestNearerAndNext(t *testing.T) {
	both := func() *engine.Verdict { return verdict([]string{"a"}, []string{"b"}) }
	with := func(v *engine.Verdict, change func(*engine.Memory)) *engine.Verdict {
		change(&v.Memory)
		return v
	}
	cases := map[string]struct {
		v                    *engine.Verdict
		wantNearer, wantNext string
	}{
		"less headroom is nearer": {both(), "eviction of a in 500", "eviction of a in 500"},
		"the kernel is nearer": {
			with(both(), func(m *engine.Memory) { m.OOMHeadroom = 499 }), "oom of b in 499", "oom of b in 499",
		},
		"as near: the kubelet acts first": {
			with(both(), func(m *engine.Memory) { m.OOMHeadroom = 500 }), "eviction of a in 500", "eviction of a in 500",
		},
		"no threshold": {
			with(both(), func(m *engine.Memory) { m.HeadroomKnown = false }), "oom of b in 600", "oom of b in 600",
		},
		"nothing known": {
			with(both(), func(m *engine.Memory) { m.HeadroomKnown, m.OOMHeadroomKnown = false, false }), "none", "none",
		},
		"nobody to evict":      {verdict(nil, []string{"b"}), "oom of b in 600", "oom of b in 600"},
		"nobody to kill":       {verdict([]string{"a"}, nil), "eviction of a in 500", "eviction of a in 500"},
		"nobody at all":        {verdict(nil, nil), "none", "none"},
		"a limit that is near": {verdict([]string{"a"}, nil, atLimit("c", 85, 100)), "eviction of a in 500", "limit of c in 15"},
		"a limit not yet near": {verdict([]string{"a"}, nil, atLimit("c", 84, 100)), "eviction of a in 500", "eviction of a in 500"},
		"a near limit with more left than the node": {
			verdict([]string{"a"}, nil, atLimit("c", 85000, 100000)), "eviction of a in 500", "eviction of a in 500",
		},
		"a near limit with as much left": {
			verdict([]string{"a"}, nil, atLimit("c", 4500, 5000)), "eviction of a in 500", "eviction of a in 500",
		},
		"a near limit and no other killer": {verdict(nil, nil, atLimit("c", 85000, 100000)), "none", "limit of c in 15000"},
		"negative headroom is nearest": {
			with(verdict([]string{"a"}, nil, atLimit("c", 100, 100)), func(m *engine.Memory) { m.Headroom = -1 }),
			"eviction of a in -1", "eviction of a in -1",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := engine.Conclude(tc.v, Policy())
			if diff := cmp.Diff([]string{tc.wantNearer, tc.wantNext}, []string{threat(o.Nearer), threat(o.Next)}); diff != "" {
				t.Errorf("nearer, next (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRisks(t *testing.T) {
	cases := map[string]struct {
		v        *engine.Verdict
		want     []string
		wantPods int
	}{
		"within riskRank": {
			verdict([]string{"a", "b", "c!", "d!"}, []string{"d!", "c!", "b"}),
			[]string{"c! killer 1 rank 3", "d! killer 2 rank 1", "c! killer 2 rank 2"},
			2,
		},
		"nobody critical": {verdict([]string{"a", "b"}, []string{"b"}), nil, 0},
		"each pod once a killer, at its first rank": {
			verdict(nil, []string{"a!", "a!", "a!"}), []string{"a! killer 2 rank 1"}, 1,
		},
		"limits once they are near": {
			verdict(nil, nil, atLimit("a!", 90, 100), atLimit("b!", 85, 100), atLimit("c!", 84, 100)),
			[]string{"a! killer 3 rank 1", "b! killer 3 rank 2"},
			2,
		},
		"limits within riskRank": {
			verdict(nil, nil, atLimit("a", 99, 100), atLimit("b", 98, 100), atLimit("c", 97, 100), atLimit("d!", 96, 100)), nil, 0,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := engine.Conclude(tc.v, Policy())
			var got []string
			for _, r := range o.Risks {
				got = append(got, fmt.Sprintf("%s killer %d rank %d", r.Name, r.Killer, r.Rank))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("risks (-want +got):\n%s", diff)
			}
			if o.CriticalPods != tc.wantPods {
				t.Errorf("%d critical pods; want %d", o.CriticalPods, tc.wantPods)
			}
		})
	}
}

// TestLowHeadroom: critical pods in the front are at risk once their killer has less than 15% of its limit left.
func TestLowHeadroom(t *testing.T) {
	cases := map[string]struct {
		headroom, oomHeadroom int64
		limits                []engine.AtLimit
		wantAtRisk, wantLow   bool
	}{
		"ample":                           {headroom: 500, oomHeadroom: 600},
		"15% is not low":                  {headroom: 150, oomHeadroom: 600},
		"less than 15% is":                {headroom: 149, oomHeadroom: 600, wantAtRisk: true, wantLow: true},
		"less than nothing is":            {headroom: -1, oomHeadroom: 600, wantAtRisk: true, wantLow: true},
		"of the kernel's limit":           {headroom: 500, oomHeadroom: 149, wantAtRisk: true, wantLow: true},
		"a near limit with 15% left":      {headroom: 500, oomHeadroom: 600, limits: []engine.AtLimit{atLimit("x!", 850, 1000)}},
		"a near limit with less":          {headroom: 500, oomHeadroom: 600, limits: []engine.AtLimit{atLimit("x!", 851, 1000)}, wantAtRisk: true},
		"somebody else's limit with less": {headroom: 500, oomHeadroom: 600, limits: []engine.AtLimit{atLimit("y", 990, 1000)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v := verdict([]string{"a!"}, []string{"a!"}, tc.limits...)
			v.Memory.Headroom, v.Memory.OOMHeadroom = tc.headroom, tc.oomHeadroom
			if o := engine.Conclude(v, Policy()); o.CriticalAtRisk != tc.wantAtRisk || o.NearerIsLow != tc.wantLow {
				t.Errorf("critical at risk %t, nearer is low %t; want %t, %t", o.CriticalAtRisk, o.NearerIsLow, tc.wantAtRisk, tc.wantLow)
			}
		})
	}
}

func TestUnknownHeadroomIsNotLow(t *testing.T) {
	v := verdict([]string{"a!"}, []string{"a!"})
	v.Memory = engine.Memory{}
	if o := engine.Conclude(v, Policy()); o.CriticalAtRisk || o.NearerIsLow || len(o.Risks) != 2 {
		t.Errorf("outlook %+v; want two ranks and no risk", o)
	}
}

func TestWrongVictim(t *testing.T) {
	nameless := func(name string) *facts.PodState {
		state := Pod(name).Edit(func(p *facts.Pod) { p.UID = "" }).State() // as in a hand-written file
		return &state
	}
	cases := map[string]struct {
		headroom int64
		culprit  *facts.PodState
		victim   *facts.PodState
		want     bool
	}{
		"another than the culprit":      {100, nameless("hog"), nameless("web"), true},
		"the culprit":                   {100, nameless("hog"), nameless("hog"), false},
		"no culprit":                    {100, nil, nameless("web"), false},
		"while there is ample headroom": {500, nameless("hog"), nameless("web"), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v := verdict([]string{"victim"}, nil)
			v.Eviction[0].PodState, v.Culprit.PodState, v.Memory.Headroom = tc.victim, tc.culprit, tc.headroom
			if got := engine.Conclude(v, Policy()).WrongVictim; got != tc.want {
				t.Errorf("WrongVictim = %t; want %t", got, tc.want)
			}
		})
	}
}

func TestCriticalPodsWithoutUIDAreTwo(t *testing.T) {
	v := verdict([]string{"a!", "b!"}, []string{"b!", "a!"})
	for i := range v.Eviction {
		v.Eviction[i].UID, v.OOM[i].UID = "", ""
	}
	if o := engine.Conclude(v, Policy()); o.CriticalPods != 2 || len(o.Risks) != 4 {
		t.Errorf("%d critical pods at %d ranks; want 2 at 4", o.CriticalPods, len(o.Risks))
	}
}
