package status

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

const (
	miB = factstest.MiB
	giB = factstest.GiB
)

var testPolicy = facts.Policy{
	TopN: 3, RiskRank: 3, RiskHeadroomPercent: 15, NearLimitPercent: 85, MinPriority: 100000, MaxAge: 3 * time.Minute,
	AssumedEvictionHard: facts.Threshold{Set: true, Bytes: 100 * miB},
}

// usages makes a node of BestEffort pods a, b, c ... with that usage.
func usages(bytes ...int64) *facts.Node {
	return requesting(nil, bytes...)
}

// requesting makes a node of pods a, b, c ... with these requests and usages.
func requesting(requests []int64, bytes ...int64) *facts.Node {
	var pods []*factstest.PodBuilder
	for i, b := range bytes {
		request := int64(0)
		if requests != nil {
			request = requests[i]
		}
		pods = append(pods, factstest.Pod(string(rune('a'+i))).Running(request, b))
	}
	n := factstest.Node(16*giB, pods...)
	n.Allocatable = 15 * giB
	return n
}

// withoutReadings is a node whose pods have no readings, and neither has the node.
func withoutReadings(pods ...string) *facts.Node {
	n := usages()
	for _, name := range pods {
		n.Pods = append(n.Pods, factstest.Node(0, factstest.Pod(name).Unread(0)).Pods...)
	}
	n.Usage = facts.NodeUsage{}
	return n
}

// pressed is the node in danger: its readings are followed as closely as can be.
func pressed(n *facts.Node) *facts.Node {
	n.MemoryPressure = facts.StateTrue
	return n
}

func evaluate(n *facts.Node, now time.Time) *engine.Verdict {
	v := engine.Evaluate(n, &testPolicy, now)
	return &v
}

// published is the status that follows from a node, after a previous one.
func published(n *facts.Node, prev *v1alpha1.NodeKillOrderStatus) *v1alpha1.NodeKillOrderStatus {
	if prev == nil {
		prev = &v1alpha1.NodeKillOrderStatus{}
	}
	v, _ := settle(evaluate(n, factstest.Now), &testPolicy, prev, Challenger{})
	s := statusOf(&v, &testPolicy, prev, testPolicy.TopN, 1, factstest.Now)
	return &s
}

func evicted(s *v1alpha1.NodeKillOrderStatus) (pods string) {
	for _, v := range s.EvictionOrder {
		pods += v.Pod
	}
	return pods
}

func killed(s *v1alpha1.NodeKillOrderStatus) (pods string) {
	for _, v := range s.OOMOrder {
		pods += v.Pod
	}
	return pods
}

func TestSettlePlaces(t *testing.T) {
	for name, tc := range map[string]struct {
		before, after *facts.Node
		wantBefore    string
		wantAfter     string
	}{
		"within the band places stay": {
			usages(300*miB, 295*miB, 100*miB), usages(300*miB, 310*miB, 100*miB), "abc", "abc",
		},
		"beyond the band they change": {
			usages(300*miB, 295*miB, 100*miB), usages(300*miB, 320*miB, 100*miB), "abc", "bac",
		},
		"the band is 5% of large amounts": {
			usages(2000*miB, 1990*miB, 100*miB), usages(2000*miB, 2090*miB, 100*miB), "abc", "abc",
		},
		"a pod below the cut enters only beyond the band": {
			usages(300*miB, 200*miB, 100*miB, 90*miB), usages(300*miB, 200*miB, 100*miB, 110*miB), "abc", "abc",
		},
		"a pod below the cut enters beyond the band": {
			usages(300*miB, 200*miB, 100*miB, 90*miB), usages(300*miB, 200*miB, 100*miB, 130*miB), "abc", "abd",
		},
		"a place left empty is filled": {
			usages(300*miB, 200*miB, 100*miB, 90*miB), usages(300*miB, 200*miB), "abc", "ab",
		},
		"places without readings say nothing of usage": {
			withoutReadings("a", "b", "c", "d"), usages(290*miB, 300*miB, 200*miB, 210*miB), "abc", "bad",
		},
		"nor do those of some pods": {
			usages(facts.Unknown, facts.Unknown, 500*miB), usages(290*miB, 300*miB, 500*miB), "cab", "cba",
		},
		"no pod stays ahead of one that is clearly worse, whoever stands between": {
			usages(300*miB, 295*miB, 290*miB), usages(290*miB, 300*miB, 307*miB), "abc", "bca",
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := published(pressed(tc.before), nil)
			after := published(pressed(tc.after), before)
			if evicted(before) != tc.wantBefore || evicted(after) != tc.wantAfter {
				t.Errorf("evictionOrder %s then %s, want %s then %s", evicted(before), evicted(after), tc.wantBefore, tc.wantAfter)
			}
			if killed(after) != tc.wantAfter {
				t.Errorf("oomOrder %s, want %s", killed(after), tc.wantAfter)
			}
		})
	}
}

func TestSettleKeepsTheSideOfTheRequest(t *testing.T) {
	requests := []int64{200 * miB, 100 * miB}
	before := published(pressed(requesting(requests, 190*miB, 90*miB)), nil)
	if evicted(before) != "ba" && evicted(before) != "ab" {
		t.Fatalf("evictionOrder %s", evicted(before))
	}
	slightly := published(pressed(requesting(requests, 205*miB, 90*miB)), before)
	clearly := published(pressed(requesting(requests, 220*miB, 90*miB)), slightly)
	back := published(pressed(requesting(requests, 195*miB, 90*miB)), clearly)
	below := published(pressed(requesting(requests, 180*miB, 90*miB)), back)
	for i, want := range []v1alpha1.EvictionReason{
		v1alpha1.ReasonWithinRequest, v1alpha1.ReasonWithinRequest, v1alpha1.ReasonExceedsRequest,
		v1alpha1.ReasonExceedsRequest, v1alpha1.ReasonWithinRequest,
	} {
		s := []*v1alpha1.NodeKillOrderStatus{before, slightly, clearly, back, below}[i]
		for _, v := range s.EvictionOrder {
			if v.Pod == "a" && v.Reason != want {
				t.Errorf("step %d: %s, want %s", i, v.Reason, want)
			}
		}
	}
}

// Places stay within noise, so that the container nearest to its limit may stand behind a calmer one.
func TestSettledPlacesHideNoContainerNearItsLimit(t *testing.T) {
	container := func(pod string, usage int64) *factstest.PodBuilder {
		return factstest.Pod(pod).Container(facts.Container{Name: "app", Request: 100 * miB, Limit: 100 * miB, Running: true}, usage)
	}
	limited := func(a, b int64) *facts.Node {
		n := factstest.Node(16*giB, container("a", a), container("b", b))
		n.Allocatable = 15 * giB
		return n
	}
	before := published(limited(80*miB, 70*miB), nil)
	after := published(limited(75*miB, 90*miB), before)
	if after.LimitOrder[0].Pod != "a" {
		t.Fatalf("limitOrder %v: the case is no case", after.LimitOrder)
	}
	if next := after.Summary.Next; next == nil || next.Pod != "b" || next.Killer != v1alpha1.KillerLimit {
		t.Errorf("next %+v, want b at its limit", next)
	}
}

func TestSettleMarksTies(t *testing.T) {
	s := published(usages(300*miB, 290*miB, 100*miB), nil)
	var tied []bool
	for _, v := range s.EvictionOrder {
		tied = append(tied, v.Tied)
	}
	if d := cmp.Diff([]bool{true, true, false}, tied); d != "" {
		t.Error(d)
	}
}

func TestSettleCulpritNeedsAQuarterTwice(t *testing.T) {
	grown := func(pass int, a, b int64) *facts.Node {
		n := factstest.Node(16*giB,
			factstest.Pod("a").Running(0, 2*giB).Growth(a), factstest.Pod("b").Running(0, 2*giB).Growth(b))
		n.Usage.ObservedAt = factstest.Now.Add(time.Duration(pass) * time.Second)
		return n
	}
	var (
		prev *v1alpha1.NodeKillOrderStatus
		c    Challenger
	)
	for i, step := range []struct {
		a, b int64
		pass int
		want string
	}{
		{a: 400 * miB, b: 300 * miB, pass: 1, want: "a"},
		{a: 400 * miB, b: 480 * miB, pass: 2, want: "a"}, // not by a quarter
		{a: 400 * miB, b: 600 * miB, pass: 3, want: "a"}, // once
		{a: 400 * miB, b: 600 * miB, pass: 3, want: "a"}, // the same pass again
		{a: 400 * miB, b: 600 * miB, pass: 4, want: "b"}, // twice
		{a: 900 * miB, b: 600 * miB, pass: 5, want: "b"},
		{a: 700 * miB, b: 600 * miB, pass: 6, want: "b"}, // interrupted
		{a: 900 * miB, b: 600 * miB, pass: 7, want: "b"},
		{a: 900 * miB, b: 600 * miB, pass: 8, want: "a"},
	} {
		now := factstest.Now.Add(time.Duration(step.pass) * time.Second)
		var v engine.Verdict
		v, c = settle(evaluate(grown(step.pass, step.a, step.b), now), &testPolicy, prev, c)
		s := statusOf(&v, &testPolicy, prev, 3, 1, now)
		if prev = &s; s.CulpritRef.Pod != step.want {
			t.Errorf("step %d: culprit %s, want %s", i, s.CulpritRef.Pod, step.want)
		}
	}
}

func TestClosestIsALinearExtension(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	clearly := func(a, b *evict.Victim) bool { return evict.Clearly(a, b, facts.Band) }
	for range 200 {
		order := make([]evict.Victim, 12)
		for i := range order {
			state := factstest.Pod(fmt.Sprint(i)).Running(0, r.Int64N(100)*miB).State()
			order[i] = evict.Victim{PodState: &state, Usage: state.WorkingSet, Exceeds: true}
		}
		evict.Sort(order)
		places := r.Perm(12)
		got := closest(order, 12, func(v *evict.Victim) int { return places[v.Name[0]-'0'] }, clearly)
		for i := range got {
			for j := i + 1; j < len(got); j++ {
				if clearly(&got[j], &got[i]) {
					t.Fatalf("%s stands before %s", got[i].Name, got[j].Name)
				}
			}
		}
	}
}

// A change of culprit that is held back by the write interval is not forgotten.
func TestSettleCulpritOutlastsAWriteHeldBack(t *testing.T) {
	node := func(pass int) *facts.Node {
		n := factstest.Node(16*giB,
			factstest.Pod("over").Running(100*miB, 800*miB), factstest.Pod("grower").Running(4*giB, 2*giB).Growth(giB))
		n.Usage.ObservedAt = factstest.Now.Add(time.Duration(pass) * time.Second)
		return n
	}
	before := factstest.Node(16*giB, factstest.Pod("over").Running(100*miB, 800*miB), factstest.Pod("grower").Running(4*giB, giB))
	prev := published(before, nil)
	if prev.CulpritRef.Pod != "over" {
		t.Fatalf("culprit %s", prev.CulpritRef.Pod)
	}
	var c Challenger
	for pass, want := range []string{"over", "grower", "grower", "grower"} {
		now := factstest.Now.Add(time.Duration(pass) * time.Second)
		var v engine.Verdict
		v, c = settle(evaluate(node(pass), now), &testPolicy, prev, c) // prev: nothing is written
		if v.Culprit.Name != want {
			t.Errorf("pass %d: culprit %s, want %s", pass, v.Culprit.Name, want)
		}
	}
}
