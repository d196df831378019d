package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// TestWhatWasToldIsNoNews: whoever empties an order, in whole or in part, makes no news of what was published before.
func TestWhatWasToldIsNoNews(t *testing.T) {
	for name, tc := range map[string]struct {
		damage         func(*v1alpha1.NodeKillOrderStatus)
		renewed        bool
		wantConditions bool
	}{
		"all of the status": {damage: func(s *v1alpha1.NodeKillOrderStatus) { *s = v1alpha1.NodeKillOrderStatus{} }, wantConditions: true},
		"a part of it": {
			damage: func(s *v1alpha1.NodeKillOrderStatus) { s.AtRisk, s.Conditions = s.AtRisk[:1], s.Conditions[:1] }, wantConditions: true,
		},
		"a new Node of the same name": {damage: func(s *v1alpha1.NodeKillOrderStatus) { *s = v1alpha1.NodeKillOrderStatus{} }, renewed: true},
	} {
		t.Run(name, func(t *testing.T) {
			h, now := &History{}, factstest.Now
			judge := func() *v1alpha1.NodeKillOrderStatus {
				n := atRiskNode(800 * miB)
				n.Usage.ObservedAt = now
				_, s := Judge(n, &testPolicy, h, 10, 1, now)
				return &s
			}
			first := judge()
			now = now.Add(time.Minute)
			h.SetPublished(first)
			judge()
			damaged := first.DeepCopy()
			tc.damage(damaged)
			before := damaged.DeepCopy()
			if tc.renewed {
				h.Renew()
			}
			h.SetPublished(damaged)
			again := judge()
			if diff := cmp.Diff(first.AtRisk, again.AtRisk); diff != "" || len(first.AtRisk) == 0 {
				t.Errorf("atRisk (-want +got):\n%s", diff)
			}
			for _, c := range first.Conditions {
				same := meta.FindStatusCondition(again.Conditions, c.Type).LastTransitionTime.Equal(&c.LastTransitionTime)
				if same != tc.wantConditions {
					t.Errorf("%s: the time of its last transition is the same: %t, want %t", c.Type, same, tc.wantConditions)
				}
			}
			if diff := cmp.Diff(before, damaged); diff != "" {
				t.Errorf("what the cache has was changed:\n%s", diff)
			}
		})
	}
}

// TestWhatHasEndedIsNotRestored: a pod that left the front is told of once, and what was never published is not told.
func TestWhatHasEndedIsNotRestored(t *testing.T) {
	h, now := &History{}, factstest.Now
	judge := func(critical int64) *v1alpha1.NodeKillOrderStatus {
		n := atRiskNode(critical)
		n.Usage.ObservedAt = now
		_, s := Judge(n, &testPolicy, h, 10, 1, now)
		return &s
	}
	judge(800 * miB) // not published
	now = now.Add(time.Minute)
	if s := judge(100 * miB); len(s.AtRisk) > 0 {
		t.Errorf("never published: %+v", s.AtRisk)
	}
	h.SetPublished(judge(800 * miB))
	now = now.Add(time.Minute)
	h.SetPublished(judge(100 * miB))
	now = now.Add(keptAfter + time.Minute)
	h.SetPublished(&v1alpha1.NodeKillOrderStatus{})
	if s := judge(100 * miB); len(s.AtRisk) > 0 {
		t.Errorf("ended long ago: %+v", s.AtRisk)
	}
}

// A wrong victim that was told before readings were lost is not told again when they are back; one that was right meanwhile is.
func TestAWrongVictimIsToldOnceAcrossLostReadings(t *testing.T) {
	for name, tc := range map[string]struct {
		between func(*facts.Node)
		want    bool // the same Event
	}{
		"readings are lost": {func(n *facts.Node) { n.Usage.ObservedAt = n.Usage.ObservedAt.Add(-time.Hour) }, true},
		"there is room":     {func(n *facts.Node) { n.Usage.WorkingSet = giB }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var h History
			var current *v1alpha1.NodeKillOrderStatus
			now := factstest.Now
			judge := func(edit func(*facts.Node)) metav1.Condition {
				now = now.Add(time.Minute)
				n := story(8 * giB)
				n.Usage.ObservedAt = now
				edit(n)
				h.SetPublished(current)
				_, next := Judge(n, &testPolicy, &h, 10, 1, now)
				current = &next
				return *meta.FindStatusCondition(next.Conditions, v1alpha1.ConditionWrongVictim)
			}
			as := func(*facts.Node) {}
			first := judge(as)
			judge(as)
			if c := judge(tc.between); first.Status != metav1.ConditionTrue || c.Status == metav1.ConditionTrue {
				t.Fatalf("WrongVictim is %s, then %s", first.Status, c.Status)
			}
			again := judge(as)
			if again.Status != metav1.ConditionTrue {
				t.Fatalf("WrongVictim is %s: %s", again.Status, again.Message)
			}
			if got := again.LastTransitionTime.Equal(&first.LastTransitionTime); got != tc.want {
				t.Errorf("since %s, before since %s", again.LastTransitionTime, first.LastTransitionTime)
			}
		})
	}
}
