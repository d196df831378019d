package status

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// told is the part of published statuses that Events tell of. told has no more than a status may have.
type told struct {
	// atRisk has open entries only.
	atRisk     []v1alpha1.AtRiskPod
	conditions []metav1.Condition
}

// toldIn returns what a published status says and the next one still says: an entry that was closed since is not needed,
// and one that was opened since is not published yet.
func toldIn(published, next *v1alpha1.NodeKillOrderStatus) told {
	t := told{conditions: published.Conditions}
	for _, e := range published.AtRisk {
		if i := entryOf(next.AtRisk, &e); e.Until == nil && i >= 0 && next.AtRisk[i].Until == nil {
			t.atRisk = append(t.atRisk, e)
		}
	}
	return t
}

// restore adds to a status what it lacks. The operator itself takes no open entry and no condition out of a status, but
// whoever may write NodeKillOrders can, and a node that was deleted and created again has a new one.
func (t *told) restore(s *v1alpha1.NodeKillOrderStatus) {
	s.AtRisk, s.Conditions = slices.Clip(s.AtRisk), slices.Clip(s.Conditions) // they are the cache's
	for i := range t.atRisk {
		if entryOf(s.AtRisk, &t.atRisk[i]) < 0 {
			s.AtRisk = append(s.AtRisk, t.atRisk[i])
		}
	}
	for i := range t.conditions {
		if meta.FindStatusCondition(s.Conditions, t.conditions[i].Type) == nil {
			s.Conditions = append(s.Conditions, t.conditions[i])
		}
	}
}

// entryOf returns the index of the entry about the same pod and killer, -1 if there is none.
func entryOf(entries []v1alpha1.AtRiskPod, e *v1alpha1.AtRiskPod) int {
	return slices.IndexFunc(entries, func(other v1alpha1.AtRiskPod) bool { return other.UID == e.UID && other.Killer == e.Killer })
}
