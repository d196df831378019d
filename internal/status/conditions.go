package status

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// conditions returns the conditions of a NodeKillOrder. A message names no figure that moves with each reading, because
// each change of a message costs a write.
func conditions(v *engine.Verdict, p *facts.Policy, prev []metav1.Condition, generation int64, now time.Time) []metav1.Condition {
	cs := slices.Clone(prev)
	for _, c := range []metav1.Condition{ready(v, p), criticalAtRisk(v, p), wrongVictim(v), memoryPressure(v.Node)} {
		c.ObservedGeneration, c.LastTransitionTime = generation, Stamp(now)
		meta.SetStatusCondition(&cs, c)
	}
	return cs
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

func ready(v *engine.Verdict, p *facts.Policy) metav1.Condition {
	c := condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonUsageFresh,
		fmt.Sprintf("Readings are at most %s old.", p.MaxAge))
	switch v.Freshness {
	case engine.Stale:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonUsageStale
		c.Message = fmt.Sprintf("Readings are older than %s; the orders follow the last known usage.", p.MaxAge)
	case engine.Unavailable:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonUsageUnavailable
		c.Message = fmt.Sprintf("No readings, or none younger than %s: usage counts as unknown.", facts.UnavailableAfter)
	}
	if v.Node.Old() {
		c.Message += fmt.Sprintf(" Kubelet 1.%d is older than any that the orders were compared with (1.%d).", v.Node.Minor,
			facts.OldestJudged)
	}
	if v.Node.KubeletUnread != "" {
		c.Message += " " + v.Node.KubeletUnread
	}
	switch {
	case v.Node.Virtual:
		c.Message += " No orders: " + v.Node.NotLinux + "."
	case v.NoOOM != "":
		c.Message += " No oomOrder: " + v.NoOOM + "."
	}
	return c
}

func criticalAtRisk(v *engine.Verdict, p *facts.Policy) metav1.Condition {
	switch {
	case v.Outlook.CriticalAtRisk:
		return condition(v1alpha1.ConditionCriticalAtRisk, metav1.ConditionTrue, v1alpha1.ReasonCriticalPodNearFront,
			fmt.Sprintf("A critical pod is among the first %d to die and headroom is under %d%%.%s",
				p.RiskRank, p.RiskHeadroomPercent, criticalForetold(v)))
	case len(v.Outlook.Risks) > 0 && !slices.ContainsFunc(v.Outlook.Risks, func(r engine.Risk) bool { return headroomKnown(v, r.Killer) }):
		return condition(v1alpha1.ConditionCriticalAtRisk, metav1.ConditionUnknown, v1alpha1.ReasonHeadroomUnknown,
			fmt.Sprintf("A critical pod is among the first %d to die, and headroom is not known.", p.RiskRank))
	case len(v.Outlook.Risks) > 0:
		return condition(v1alpha1.ConditionCriticalAtRisk, metav1.ConditionFalse, v1alpha1.ReasonHeadroomAmple,
			fmt.Sprintf("A critical pod is among the first %d to die, but headroom is not under %d%%.%s",
				p.RiskRank, p.RiskHeadroomPercent, criticalForetold(v)))
	}
	return condition(v1alpha1.ConditionCriticalAtRisk, metav1.ConditionFalse, v1alpha1.ReasonNoCriticalPod,
		fmt.Sprintf("No critical pod is among the first %d to die.%s", p.RiskRank, criticalForetold(v)))
}

func headroomKnown(v *engine.Verdict, k engine.Killer) bool {
	if k == engine.OOM {
		return v.Memory.OOMHeadroomKnown
	}
	return v.Memory.HeadroomKnown
}

// criticalForetold names, after a space, the critical pod that is the first to die if memory goes on growing; "" if the first
// is none. The time is left out: the forecast itself has the time, and a message that changes costs a write.
func criticalForetold(v *engine.Verdict) string {
	f := &v.Forecast
	if f.Killer == engine.None || !f.Victim.Critical {
		return ""
	}
	return fmt.Sprintf(" If memory goes on growing as it does, the critical pod %s is the first to die (%s).",
		nameOf(f.Victim), Killers[f.Killer])
}

func wrongVictim(v *engine.Verdict) metav1.Condition {
	o := &v.Outlook
	c := condition(v1alpha1.ConditionWrongVictim, metav1.ConditionFalse, v1alpha1.ReasonVictimIsCulprit,
		"The first victim is the culprit.")
	switch {
	case v.Culprit.PodState == nil:
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonNoCulprit, noCulprit(v)
	case len(v.Eviction) == 0 && len(v.OOM) == 0:
		c.Reason, c.Message = v1alpha1.ReasonNoVictim, "There is nobody to kill."
	case o.Nearer.Killer == engine.None:
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonHeadroomUnknown, "Headroom is not known."
	case o.WrongVictim:
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonVictimNotCulprit
		c.Message = fmt.Sprintf("%s dies first (%s) for the memory of %s.",
			nameOf(o.Nearer.Victim), Killers[o.Nearer.Killer], nameOf(v.Culprit.PodState))
	case !o.NearerIsLow:
		c.Reason, c.Message = v1alpha1.ReasonHeadroomAmple, "Headroom is ample."
	}
	return c
}

// noCulprit says why nobody is accused.
func noCulprit(v *engine.Verdict) string {
	switch {
	case v.Freshness == engine.Unavailable:
		return "Growth is not known: there are no readings."
	case !v.GrowthKnown:
		return "Growth is not known yet: that takes two readings of a pod."
	}
	return "No pod grows by more than noise, and none that is over its request explains what the node uses."
}

func memoryPressure(n *facts.Node) metav1.Condition {
	switch n.MemoryPressure {
	case facts.StateTrue:
		return condition(v1alpha1.ConditionMemoryPressure, metav1.ConditionTrue, v1alpha1.ReasonNodeCondition,
			"The kubelet reports memory pressure.")
	case facts.StateFalse:
		return condition(v1alpha1.ConditionMemoryPressure, metav1.ConditionFalse, v1alpha1.ReasonNodeCondition,
			"The kubelet reports no memory pressure.")
	}
	return condition(v1alpha1.ConditionMemoryPressure, metav1.ConditionUnknown, v1alpha1.ReasonNodeConditionUnknown,
		"The Node does not say.")
}
