package status

import (
	"fmt"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// EventPodKilled is the reason of the Event about a kill.
const EventPodKilled = "PodKilled"

// KillEvent tells of the kills of one pod within the same seconds, newest first, on the node of the order. others counts
// kills of other pods there in the same seconds. The Event's name is made of the newest kill, so that creating the Event
// again, after a restart or by another leader, makes no second one.
func KillEvent(order *v1alpha1.NodeKillOrder, kills []v1alpha1.Kill, others int, instance string) *eventsv1.Event {
	k := &kills[0]
	subject := string(k.UID)
	if k.ContainerID != "" {
		subject += "." + k.ContainerID
	}
	e := event(EventPodKilled, subject, k.Time.Time)
	e.Namespace, e.Type, e.Action, e.ReportingInstance = k.Namespace, corev1.EventTypeWarning, "Diagnose", instance
	e.Note = killNote(order.Name, kills, others)
	e.Regarding = corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: k.Namespace, Name: k.Pod, UID: k.UID}
	related := referTo(order)
	e.Related = &related
	return e
}

// killNote says cause, evidence, whether the victim was the culprit, and what to change, in this order: long names cut off the end.
func killNote(node string, kills []v1alpha1.Kill, others int) string {
	k := &kills[0]
	var b strings.Builder
	fmt.Fprintf(&b, "%s on node %s (%s, confidence %s)", killedBy[k.Cause], node, k.Cause, k.Confidence)
	if names := containersOf(kills); names != "" {
		fmt.Fprintf(&b, ": %s", names)
	}
	fmt.Fprintf(&b, ". %s.", strings.TrimSuffix(k.Message, "."))
	if others > 0 {
		fmt.Fprintf(&b, " %d other kill(s) on the node within seconds.", others)
	}
	switch {
	case k.WrongVictim:
		fmt.Fprintf(&b, " The culprit was %s, not this pod.", k.Culprit)
	case k.Cause == v1alpha1.CauseContainerLimit || k.Cause == v1alpha1.CausePodLimit:
		b.WriteString(" This pod took the memory itself.")
	}
	b.WriteString(" " + advice(k))
	more := fmt.Sprintf(" More: kubectl killorder diagnose pod/%s -n %s", k.Pod, k.Namespace)
	if b.Len()+len(more) <= maxNote {
		b.WriteString(more) // a command that is cut short is of no use
	}
	return shortNote(b.String())
}

// maxNote bounds the note of an Event, in bytes: the API server refuses a longer one (NoteLengthLimit in Kubernetes
// pkg/apis/core/validation/events.go, v1.37).
const maxNote = 1024

// shortNote cuts a note that is too long, between two characters, and marks the cut with an ellipsis.
func shortNote(note string) string {
	if len(note) <= maxNote {
		return note
	}
	const cut = "…"
	end := maxNote - len(cut)
	for end > 0 && !utf8.RuneStart(note[end]) {
		end--
	}
	return note[:end] + cut
}

var killedBy = map[v1alpha1.KillCause]string{
	v1alpha1.CauseEviction:       "The kubelet evicted this pod for memory",
	v1alpha1.CauseContainerLimit: "The kernel killed at the container's own memory limit",
	v1alpha1.CausePodLimit:       "The kernel killed at the pod's memory limit",
	v1alpha1.CausePodsOOM:        "The kernel killed because all pods together reached their limit",
	v1alpha1.CauseNodeOOM:        "The kernel killed because the node had no memory left",
	v1alpha1.CauseProcessOOM:     "The kernel killed a process of this pod for memory",
	v1alpha1.CauseForeign:        "A program other than kubelet and kernel killed",
	v1alpha1.CauseUnknown:        "Killed for memory, by which limit is not known,",
}

// maxNamed bounds the containers that a note names.
const maxNamed = 5

func containersOf(kills []v1alpha1.Kill) string {
	var names []string
	for i := range kills {
		if kills[i].Container != "" {
			names = append(names, kills[i].Container)
		}
	}
	switch {
	case len(names) == 0:
		return ""
	case len(names) == 1:
		return "container " + names[0]
	case len(names) > maxNamed:
		return fmt.Sprintf("containers %s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
	}
	return "containers " + strings.Join(names, ", ")
}

// advice is what to change, by cause.
func advice(k *v1alpha1.Kill) string {
	switch k.Cause {
	case v1alpha1.CauseContainerLimit, v1alpha1.CausePodLimit, v1alpha1.CauseProcessOOM:
		return "Set the limit above the peak that the application needs, or make it need less."
	case v1alpha1.CauseEviction:
		return "Set the pod's memory request above what the pod uses."
	case v1alpha1.CausePodsOOM, v1alpha1.CauseNodeOOM:
		return "Set the container's memory request and limit equal, above what it uses, and CPU likewise; give the culprit a limit."
	}
	return "Look for who killed it in the node's log."
}
