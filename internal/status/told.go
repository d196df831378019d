package status

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
)

// told is the part of published statuses that Events tell of. told has no more than a status may have.
type told struct {
	// atRisk has open entries only.
	atRisk     []v1alpha1.AtRiskPod
	conditions []metav1.Condition
	// wrongVictim is the published WrongVictim that is True, or was until readings were lost. Its zero value is none.
	wrongVictim metav1.Condition
}

// toldIn returns what the published status says and the next one still says. An entry that was closed since is not needed any more,
// and an entry that was opened since is not published yet.
func toldIn(published, next *v1alpha1.NodeKillOrderStatus, was *told) told {
	t := told{conditions: published.Conditions, wrongVictim: was.wrongVictim}
	for _, e := range published.AtRisk {
		if i := entryOf(next.AtRisk, &e); e.Until == nil && i >= 0 && next.AtRisk[i].Until == nil {
			t.atRisk = append(t.atRisk, e)
		}
	}
	return t
}

// restore adds to a status the entries and conditions that it lacks. The operator itself takes no open entry and no condition out of
// a status. Others who may write NodeKillOrders can, and a node that was deleted and created again has a new, empty status.
func (t *told) restore(s *v1alpha1.NodeKillOrderStatus) {
	s.AtRisk, s.Conditions = slices.Clip(s.AtRisk), slices.Clip(s.Conditions) // the caller's arrays stay as they are
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

// resume gives a WrongVictim that is True again the time at which it was True before, if both say the same and only the loss of
// readings lies between them. The Event is named by that time, and was created then.
func (t *told) resume(v *engine.Verdict, published, next *v1alpha1.NodeKillOrderStatus) {
	if before := meta.FindStatusCondition(published.Conditions, v1alpha1.ConditionWrongVictim); before != nil &&
		before.Status == metav1.ConditionTrue {
		t.wrongVictim = *before
	}
	c := meta.FindStatusCondition(next.Conditions, v1alpha1.ConditionWrongVictim)
	switch {
	case c == nil || t.wrongVictim.Type == "":
	case c.Status == metav1.ConditionTrue && c.Message == t.wrongVictim.Message:
		c.LastTransitionTime = t.wrongVictim.LastTransitionTime
	case c.Status == metav1.ConditionUnknown && (v.Freshness == engine.Unavailable || !v.GrowthKnown):
		// without readings nobody can tell whether the victim is still the wrong one
	default:
		t.wrongVictim = metav1.Condition{}
	}
}
