package status

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// step is one publication of a node at a time, after the previous one; it returns the Events it calls for too.
func step(n *facts.Node, prev *v1alpha1.NodeKillOrderStatus, now time.Time) (*v1alpha1.NodeKillOrderStatus, []string) {
	n.Usage.ObservedAt = now
	if prev == nil {
		prev = &v1alpha1.NodeKillOrderStatus{}
	}
	v, _ := settle(evaluate(n, now), &testPolicy, prev, Challenger{})
	s := statusOf(&v, &testPolicy, prev, testPolicy.TopN, 1, now)
	order := &v1alpha1.NodeKillOrder{Status: s}
	order.Name, order.UID = "worker-1", "order-uid"
	var names []string
	for _, e := range Events(order, &v, "test", now) {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return &s, names
}

func atRiskNode(critical int64) *facts.Node {
	return factstest.Node(16*giB,
		factstest.Pod("critical").Running(0, critical).Critical(),
		factstest.Pod("a").Running(0, 500*miB), factstest.Pod("b").Running(0, 600*miB), factstest.Pod("c").Running(0, 700*miB))
}

func TestAtRiskOpensOnceAndClosesOnce(t *testing.T) {
	now := factstest.Now
	s, events := step(atRiskNode(800*miB), nil, now)
	if len(s.AtRisk) != 2 || len(events) != 2 {
		t.Fatalf("entries %v, events %v", s.AtRisk, events)
	}
	s, again := step(atRiskNode(800*miB), s, now.Add(time.Minute))
	if !slices.Equal(events, again) {
		t.Errorf("the same entries call for other Events: %v, then %v", events, again)
	}
	if !s.AtRisk[0].Since.Time.Equal(now) {
		t.Errorf("since moved to %s", s.AtRisk[0].Since)
	}
	s, left := step(atRiskNode(100*miB), s, now.Add(2*time.Minute))
	want := []string{
		events[0], "criticalpodsafe.critical.eviction.6b052858", events[1], "criticalpodsafe.critical.oom.6b052858",
	}
	slices.Sort(left)
	slices.Sort(want)
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("events on leaving, where those of coming may still wait (-want +have)\n%s", diff)
	}
	if s.Summary.CriticalAtRisk != 0 || len(s.AtRisk) != 2 || s.AtRisk[0].Until == nil {
		t.Errorf("entries after leaving: %+v", s.AtRisk)
	}
	s, _ = step(atRiskNode(100*miB), s, now.Add(11*time.Minute))
	if len(s.AtRisk) != 2 {
		t.Errorf("entries are dropped before ten minutes: %+v", s.AtRisk)
	}
	if s, events = step(atRiskNode(100*miB), s, now.Add(12*time.Minute)); len(s.AtRisk)+len(events) != 0 {
		t.Errorf("entries %v, events %v after ten minutes", s.AtRisk, events)
	}
}

// TestARiskThatIsOverIsTold: an Event that waited until its pod was safe says so, and warns of nothing.
func TestARiskThatIsOverIsTold(t *testing.T) {
	now := factstest.Now
	n := atRiskNode(100 * miB)
	v := engine.Evaluate(n, factstest.Policy(), now)
	kind, note := riskNote(&v1alpha1.NodeKillOrder{}, &v, &v1alpha1.AtRiskPod{
		UID: "critical", Killer: v1alpha1.KillerOOM, Rank: 2, Since: Stamp(now), Until: new(Stamp(now.Add(90 * time.Second))),
	})
	if want := "Was among the first of the OOM order on node worker-1, number 2, for 1m30s."; note != want || kind != corev1.EventTypeNormal {
		t.Errorf("%s %q, want Normal %q", kind, note, want)
	}
}

func TestAtRiskClosesForPodsThatAreGone(t *testing.T) {
	s, _ := step(atRiskNode(800*miB), nil, factstest.Now)
	gone := factstest.Node(16*giB, factstest.Pod("a").Running(0, 500*miB))
	s, events := step(gone, s, factstest.Now.Add(time.Minute))
	if len(s.AtRisk) != 2 || s.AtRisk[0].Until == nil || len(events) != 4 || !strings.HasPrefix(events[2], "criticalpodsafe.") {
		t.Errorf("entries %v, events %v of a pod that is gone", s.AtRisk, events)
	}
}

func TestNoiseAroundTheCutCallsForNoFurtherEvent(t *testing.T) {
	s, first := step(atRiskNode(501*miB), nil, factstest.Now)
	for i := range 1000 {
		var events []string
		s, events = step(atRiskNode(500*miB+int64(i%3-1)*7*miB), s, factstest.Now.Add(time.Duration(i)*100*time.Millisecond))
		if !slices.Equal(events, first) {
			t.Fatalf("tick %d: %v after %v", i, events, first)
		}
	}
}

func TestAtRiskIsBounded(t *testing.T) {
	policy := testPolicy
	policy.RiskRank = 20
	var pods []*factstest.PodBuilder
	for i := range 60 {
		pods = append(pods, factstest.Pod(fmt.Sprintf("p%02d", i)).Running(0, int64(i+1)*50*miB).Critical())
	}
	v := engine.Evaluate(factstest.Node(16*giB, pods...), &policy, factstest.Now)
	s := statusOf(&v, &policy, &v1alpha1.NodeKillOrderStatus{}, 10, 1, factstest.Now)
	if len(s.AtRisk) != v1alpha1.MaxAtRisk {
		t.Errorf("%d entries", len(s.AtRisk))
	}
}

func TestEventSaysRankKillerWhyAndHeadroom(t *testing.T) {
	n := story(8 * giB)
	v := engine.Evaluate(n, &testPolicy, factstest.Now)
	order := &v1alpha1.NodeKillOrder{Status: statusOf(&v, &testPolicy, &v1alpha1.NodeKillOrderStatus{}, 10, 1, factstest.Now)}
	order.Name, order.UID = "worker-1", "order-uid"
	order.Status.Findings = []v1alpha1.Finding{{Namespace: "shop", Pod: "payments-api", Fix: "Set requests.memory 256Mi."}}
	got := map[string]string{}
	for _, e := range Events(order, &v, "pod-1", factstest.Now) {
		got[e.Type+" "+e.Reason+" "+e.Namespace+" "+e.Regarding.Kind+"/"+e.Regarding.Name+" "+strings.SplitN(e.Name, ".", 4)[2]] = e.Note
	}
	want := map[string]string{
		"Warning CriticalPodAtRisk shop Pod/payments-api eviction": "The kubelet would evict this pod among the first on node worker-1: number 1 of its order (ExceedsRequest: uses 200Mi, requests 0); headroom 924Mi. Fix: Set requests.memory 256Mi.",
		"Warning CriticalPodAtRisk shop Pod/payments-api oom":      "The kernel would OOM-kill this pod among the first on node worker-1: number 1 of its order (oom_score_adj 1000, uses 200Mi); headroom 1Gi. Fix: Set requests.memory 256Mi.",
	}
	for key, note := range want {
		if got[key] != note {
			t.Errorf("%s:\n got %q\nwant %q", key, got[key], note)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d Events, want 3 with WrongVictimPredicted: %v", len(got), got)
	}
	n.Usage.WorkingSet = 2 * giB // ample headroom: worth knowing, no warning
	v = engine.Evaluate(n, &testPolicy, factstest.Now)
	for _, e := range Events(order, &v, "pod-1", factstest.Now) {
		if e.Reason == EventCriticalPodAtRisk && e.Type != corev1.EventTypeNormal {
			t.Errorf("%s with ample headroom", e.Type)
		}
	}
}

// TestAtRiskWithoutReadings: when readings go missing, nobody is told that a pod is safe, nor again that the pod is at risk
// when readings are back. A pod that has gone meanwhile is no longer at risk.
func TestAtRiskWithoutReadings(t *testing.T) {
	node := func(source facts.Source, pods ...*factstest.PodBuilder) *facts.Node {
		n := factstest.Node(16*giB, append(pods,
			factstest.Pod("a").Running(0, 500*miB), factstest.Pod("b").Running(0, 600*miB), factstest.Pod("c").Running(0, 700*miB))...)
		n.Usage.Source = source
		return n
	}
	critical := func() *factstest.PodBuilder { return factstest.Pod("critical").Running(100*miB, 900*miB).Critical() }
	s, told := step(node(facts.SourceKubelet, critical()), nil, factstest.Now)
	if len(told) == 0 {
		t.Fatal("no Event")
	}
	for i, source := range []facts.Source{facts.SourceNone, facts.SourceNone, facts.SourceKubelet} {
		now := factstest.Now.Add(time.Duration(i+1) * time.Minute)
		var again []string
		if s, again = step(node(source, critical()), s, now); !slices.Equal(told, again) {
			t.Errorf("after %d minutes: Events %v, want %v", i+1, again, told)
		}
	}
	s, _ = step(node(facts.SourceNone), s, factstest.Now.Add(4*time.Minute))
	for _, e := range s.AtRisk {
		if e.Until == nil {
			t.Errorf("%+v is open, but the pod is gone", e)
		}
	}
}
