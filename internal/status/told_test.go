package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/killorder/killorder/api/v1alpha1"
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
