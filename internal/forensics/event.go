package forensics

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Event is what matters of a Kubernetes Event, with its text bounded. Two Events that differ in no field are the
// same one, told twice.
type Event struct {
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
	Warning bool   `json:"warning,omitempty"`
	// Reporter is the component that wrote it: kubelet, default-scheduler, kernel-monitor ...
	Reporter string `json:"reporter,omitempty"`
	// Host is the node of the reporter, where it says so.
	Host string `json:"host,omitempty"`
	// Kind, Namespace, Name, UID and Container of what it regards; Container for a kubelet's Event of one container.
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	UID       string `json:"uid,omitempty"`
	Container string `json:"container,omitempty"`
	// Related is namespace/name of the other object, as the preemptor is.
	Related string `json:"related,omitempty"`
	// First and Last time it happened, by the reporter's clock; Count times.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	Count int32     `json:"count,omitempty"`
	// Starved, Offending and OffendingUsage are an eviction's annotations.
	Starved        string `json:"starved,omitempty"`
	Offending      string `json:"offending,omitempty"`
	OffendingUsage string `json:"offendingUsage,omitempty"`
}

// CoreEvent makes an Event of one of the core API. An API server serves the Events of events.k8s.io there too.
func CoreEvent(e *corev1.Event) Event {
	out := regarding(&e.InvolvedObject)
	out.annotated(e.Annotations)
	out.Reason, out.Message = oneLine(e.Reason, maxText), oneLine(e.Message, maxNote)
	out.Warning = e.Type == corev1.EventTypeWarning
	out.Reporter = cut(cmp.Or(e.ReportingController, e.Source.Component))
	out.Host = cut(cmp.Or(e.Source.Host, e.ReportingInstance))
	out.Related = related(e.Related)
	out.First, out.Last, out.Count = e.FirstTimestamp.Time, e.LastTimestamp.Time, e.Count
	if e.Series != nil {
		out.Count, out.Last = e.Series.Count, e.Series.LastObservedTime.Time
	}
	out.timed(e.EventTime, e.CreationTimestamp)
	return out
}

func regarding(ref *corev1.ObjectReference) Event {
	return Event{
		Kind: cut(ref.Kind), Namespace: cut(ref.Namespace), Name: cut(ref.Name), UID: cut(string(ref.UID)),
		Container: fieldContainer(ref.FieldPath),
	}
}

func (e *Event) annotated(annotations map[string]string) {
	e.Starved = oneLine(annotations["starved_resource"], maxText)
	e.Offending = oneLine(annotations["offending_containers"], maxNote)
	e.OffendingUsage = oneLine(annotations["offending_containers_usage"], maxNote)
}

// timed fills the times that the Event does not have: it happened at least once, when it was written at the latest.
func (e *Event) timed(at metav1.MicroTime, created metav1.Time) {
	for _, t := range []time.Time{at.Time, created.Time} {
		if e.First.IsZero() {
			e.First = t
		}
	}
	if e.Last.Before(e.First) {
		e.Last = e.First
	}
	e.Count = max(e.Count, 1)
}

func related(ref *corev1.ObjectReference) string {
	if ref == nil || ref.Name == "" {
		return ""
	}
	return cut(strings.TrimPrefix(ref.Namespace+"/"+ref.Name, "/"))
}

// fieldContainer is NAME of spec.containers{NAME}, spec.initContainers{NAME} or spec.ephemeralContainers{NAME}.
func fieldContainer(path string) string {
	_, name, found := strings.Cut(path, "ontainers{")
	if !found || !strings.HasSuffix(name, "}") {
		return ""
	}
	return cut(strings.TrimSuffix(name, "}"))
}

// of reports whether the Event regards the pod: its UID, or where the Event has none, its name in its lifetime.
func (e *Event) of(v *Victim) bool {
	if e.Kind != "Pod" || e.Namespace != v.Namespace || e.Name != v.Name {
		return false
	}
	if e.UID != "" && v.UID != "" {
		return e.UID == v.UID
	}
	return !e.Last.Before(v.Created)
}

// near reports whether the Event happened within d of t. One that was counted together happened at its first and
// last time, and at times between that are not known.
func (e *Event) near(t time.Time, d time.Duration) bool {
	return within(e.First, t, d) || within(e.Last, t, d) || (e.Count > 2 && e.First.Before(t) && t.Before(e.Last))
}

func within(a, b time.Time, d time.Duration) bool {
	return !a.IsZero() && !b.IsZero() && a.Sub(b).Abs() <= d
}

// says reports whether the message has one of the phrases, whatever their case.
func (e *Event) says(phrases ...string) bool { return mentions(e.Message, phrases...) }

func mentions(text string, phrases ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(phrases, func(p string) bool { return strings.Contains(text, p) })
}

// oomEvent reports whether the Event tells of an OOM kill: SystemOOM, node-problem-detector's OOMKilling, and what
// later kubelets may write for a container (Kubernetes' pull request 136092). OutOfmemory, a rejection, is none.
func (e *Event) oomEvent() bool {
	return strings.Contains(e.Reason, "OOM") || (e.Warning && strings.Contains(e.Reason, "Kill") && e.says("oom", "out of memory"))
}

// ours reports whether this operator wrote the Event: what it concluded before is no evidence.
func (e *Event) ours() bool { return strings.Contains(e.Reporter, "killorder") }

// arranged returns the Events in an order of their own, each once.
func arranged(events []Event) []Event {
	out := slices.Clone(events)
	slices.SortFunc(out, compareEvents)
	return slices.CompactFunc(out, func(a, b Event) bool { return a == b })
}

func compareEvents(a, b Event) int {
	return cmp.Or(
		a.Last.Compare(b.Last), a.First.Compare(b.First), strings.Compare(a.Reason, b.Reason),
		strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.Container, b.Container),
		strings.Compare(a.Message, b.Message), strings.Compare(a.UID, b.UID), strings.Compare(a.Reporter, b.Reporter),
		strings.Compare(a.Host, b.Host), int(a.Count-b.Count),
		strings.Compare(a.Starved, b.Starved), strings.Compare(a.Offending, b.Offending),
		strings.Compare(a.OffendingUsage, b.OffendingUsage), strings.Compare(a.Related, b.Related), strings.Compare(a.Kind, b.Kind))
}

// EventsSince is from when on the Events at hand are complete: an API server keeps them for an hour by default
// (--event-ttl), so an hour before the newest of them. It is zero where there are none.
func EventsSince(events []Event) (since time.Time) {
	for i := range events {
		if t := events[i].Last; t.After(since) {
			since = t
		}
	}
	if since.IsZero() {
		return since
	}
	return since.Add(-time.Hour)
}
