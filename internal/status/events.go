package status

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// Reasons of Events.
const (
	EventCriticalPodAtRisk    = "CriticalPodAtRisk"
	EventCriticalPodSafe      = "CriticalPodSafe"
	EventWrongVictimPredicted = "WrongVictimPredicted"
)

const reportingController = "killorder.io/manager"

// Events returns the Events that a published status calls for: one for each critical pod that came to the front of an
// order, one if the pod left the front, and one for a wrong victim, each if it happened within the last ten minutes. A pod that came
// and left has both: the first may have been held back while the pod was at the front. An Event's name is made of what happened and
// when: creating the same Event twice, by whichever process, makes one Event.
func Events(order *v1alpha1.NodeKillOrder, v *engine.Verdict, instance string, now time.Time) []*eventsv1.Event {
	var events []*eventsv1.Event
	for i := range order.Status.AtRisk {
		e := &order.Status.AtRisk[i]
		if now.Sub(e.Since.Time) < keptAfter {
			kind, note := riskNote(order, v, e)
			events = append(events, podEvent(order, e, kind, EventCriticalPodAtRisk, e.Since.Time, note))
		}
		if e.Until != nil && now.Sub(e.Until.Time) < keptAfter {
			events = append(events, podEvent(order, e, corev1.EventTypeNormal, EventCriticalPodSafe, e.Until.Time, safeNote(v, e)))
		}
	}
	if c := meta.FindStatusCondition(order.Status.Conditions, v1alpha1.ConditionWrongVictim); c != nil &&
		c.Status == metav1.ConditionTrue && now.Sub(c.LastTransitionTime.Time) < keptAfter {
		e := event(EventWrongVictimPredicted, string(order.UID), c.LastTransitionTime.Time)
		e.Namespace, e.Type = metav1.NamespaceDefault, corev1.EventTypeWarning
		e.Note = c.Message + " Headroom " + facts.Amount(v.Outlook.Nearer.Headroom) + "."
		e.Regarding = referTo(order)
		events = append(events, e)
	}
	for _, e := range events {
		e.ReportingInstance, e.Note = instance, shortNote(e.Note)
	}
	return events
}

// MayBeTold reports whether an Event is young enough to be created: what happened longer ago is no news.
func MayBeTold(e *eventsv1.Event, now time.Time) bool { return now.Sub(e.EventTime.Time) < keptAfter }

// overNote begins the note of an Event that comes late.
const overNote = "Over by now, told late. "

// TellLate makes an Event that no status calls for any more say so: what it warned of is over.
func TellLate(e *eventsv1.Event) {
	if e.Reason != EventCriticalPodSafe && !strings.HasPrefix(e.Note, overNote) {
		e.Type, e.Note = corev1.EventTypeNormal, shortNote(overNote+e.Note)
	}
}

// event returns an Event without its text, named after the reason, the subject and the time.
func event(reason, subject string, at time.Time) *eventsv1.Event {
	return &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Name: fmt.Sprintf("%s.%s.%x", strings.ToLower(reason), strings.ToLower(subject), at.Unix())},
		EventTime:           metav1.NewMicroTime(at),
		ReportingController: reportingController,
		Action:              "Predict",
		Reason:              reason,
	}
}

func podEvent(order *v1alpha1.NodeKillOrder, r *v1alpha1.AtRiskPod, kind, reason string, at time.Time, note string) *eventsv1.Event {
	e := event(reason, string(r.UID)+"."+string(r.Killer), at)
	e.Namespace, e.Type, e.Note = r.Namespace, kind, note
	e.Regarding = corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: r.Namespace, Name: r.Pod, UID: r.UID}
	related := referTo(order)
	e.Related = &related
	return e
}

func referTo(order *v1alpha1.NodeKillOrder) corev1.ObjectReference {
	return corev1.ObjectReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "NodeKillOrder", Name: order.Name, UID: order.UID,
	}
}

// riskNote says rank, killer, why, headroom and the fix in one line. The Event is a Warning, or Normal while headroom
// is ample, and where the risk is over.
func riskNote(order *v1alpha1.NodeKillOrder, v *engine.Verdict, r *v1alpha1.AtRiskPod) (kind, note string) {
	kind = corev1.EventTypeNormal
	if r.Until != nil {
		return kind, fmt.Sprintf("Was among the first of the %s order on node %s, number %d, for %s.",
			r.Killer, v.Node.Name, r.Rank, r.Until.Sub(r.Since.Time))
	}
	for i := range v.Outlook.Risks {
		if k := &v.Outlook.Risks[i]; k.UID == string(r.UID) && Killers[k.Killer] == r.Killer && k.Low {
			kind = corev1.EventTypeWarning
		}
	}
	note = fmt.Sprintf("%s on node %s: number %d of its order%s; headroom %s.",
		verbs[r.Killer], v.Node.Name, r.Rank, why(v, r), headroomOf(v, r))
	p := v.Node.PodOf(string(r.UID))
	return kind, note + foretold(v, p) + fixFor(order, p)
}

var verbs = map[v1alpha1.Killer]string{
	v1alpha1.KillerEviction: "The kubelet would evict this pod among the first",
	v1alpha1.KillerOOM:      "The kernel would OOM-kill this pod among the first",
	v1alpha1.KillerLimit:    "This pod is near its own memory limit",
}

func why(v *engine.Verdict, r *v1alpha1.AtRiskPod) string {
	switch r.Killer {
	case v1alpha1.KillerEviction:
		for i := range v.Eviction {
			if e := &v.Eviction[i]; e.UID == string(r.UID) {
				return fmt.Sprintf(" (%s: uses %s, requests %s)", EvictionReasons[e.Reason], facts.Amount(e.Usage), facts.Amount(e.Request))
			}
		}
	case v1alpha1.KillerOOM:
		for i := range v.OOM {
			if k := &v.OOM[i]; k.UID == string(r.UID) {
				return fmt.Sprintf(" (oom_score_adj %d, uses %s)", k.Adj, facts.Amount(k.Usage))
			}
		}
	case v1alpha1.KillerLimit:
		for i := range v.Limits {
			if l := &v.Limits[i]; l.UID == string(r.UID) {
				return fmt.Sprintf(" (uses %s of %s)", facts.Amount(l.Usage), facts.Amount(l.Limit))
			}
		}
	}
	return ""
}

func headroomOf(v *engine.Verdict, r *v1alpha1.AtRiskPod) string {
	m := &v.Memory
	switch {
	case r.Killer == v1alpha1.KillerEviction && m.HeadroomKnown:
		return facts.Amount(m.Headroom)
	case r.Killer == v1alpha1.KillerOOM && m.OOMHeadroomKnown:
		return facts.Amount(m.OOMHeadroom)
	case r.Killer == v1alpha1.KillerLimit:
		for i := range v.Limits {
			if l := &v.Limits[i]; l.UID == string(r.UID) {
				return facts.Amount(l.Headroom())
			}
		}
	}
	return "unknown"
}

func safeNote(v *engine.Verdict, r *v1alpha1.AtRiskPod) string {
	if v.Node.PodOf(string(r.UID)) == nil {
		return fmt.Sprintf("Gone from node %s, where it was among the first of the %s order.", v.Node.Name, r.Killer)
	}
	return fmt.Sprintf("No longer among the first of the %s order on node %s.", r.Killer, v.Node.Name)
}

// fixFor returns the fix of the worst finding about the pod's workload, "" if the order shows no such finding, or the pod is gone.
func fixFor(order *v1alpha1.NodeKillOrder, p *facts.PodState) string {
	if p == nil {
		return ""
	}
	w := WorkloadRef(p.Workload)
	for _, f := range order.Status.Findings {
		same := f.Pod == p.Name || (w != nil && f.Workload != nil && *f.Workload == *w)
		if f.Namespace == p.Namespace && same && f.Fix != "" {
			return " Fix: " + f.Fix
		}
	}
	return ""
}
