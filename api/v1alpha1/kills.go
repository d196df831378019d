package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// KillCause says which killer took a pod, a container or a process for memory.
// +kubebuilder:validation:Enum=Eviction;ContainerLimit;PodLimit;PodsOOM;NodeOOM;ProcessOOM;Foreign;Unknown
type KillCause string

// The causes of real kills. What only looks like a kill for memory (rejections, preemptions, drains, probes, disk
// evictions) is no kill, and has no cause here.
const (
	// CauseEviction: the kubelet evicted the pod because the node was short of memory.
	CauseEviction KillCause = "Eviction"
	// CauseContainerLimit and CausePodLimit: the kernel killed at a memory limit of the container's or the pod's own.
	CauseContainerLimit KillCause = "ContainerLimit"
	CausePodLimit       KillCause = "PodLimit"
	// CausePodsOOM: the kernel killed because all pods together reached the limit of the kubepods cgroup.
	CausePodsOOM KillCause = "PodsOOM"
	// CauseNodeOOM: the kernel killed because the node had no memory left.
	CauseNodeOOM KillCause = "NodeOOM"
	// CauseProcessOOM: the kernel killed a process of the container, and the container lives on or ended otherwise.
	CauseProcessOOM KillCause = "ProcessOOM"
	// CauseForeign: a program other than kubelet and kernel killed (Talos, systemd-oomd, earlyoom).
	CauseForeign KillCause = "Foreign"
	// CauseUnknown: a kill for memory whose killer the traces do not tell.
	CauseUnknown KillCause = "Unknown"
)

// KillCauses are all causes, in the order in which they are explained.
func KillCauses() []KillCause {
	return []KillCause{
		CauseEviction, CauseContainerLimit, CausePodLimit, CausePodsOOM, CauseNodeOOM, CauseProcessOOM, CauseForeign, CauseUnknown,
	}
}

// Confidence says how sure a cause is.
// +kubebuilder:validation:Enum=High;Medium;Low
type Confidence string

// How sure a cause is: High where the traces allow nothing else, Low where the cause is a guess (the message says why).
const (
	ConfidenceHigh   Confidence = "High"
	ConfidenceMedium Confidence = "Medium"
	ConfidenceLow    Confidence = "Low"
)

// Kill is one real kill, explained, and compared with what this object said before it.
type Kill struct {
	// time of death: when the container finished, else when the kill was seen.
	Time       metav1.Time `json:"time"`
	Cause      KillCause   `json:"cause"`
	Confidence Confidence  `json:"confidence"`
	Namespace  string      `json:"namespace"`
	Pod        string      `json:"pod"`
	UID        types.UID   `json:"uid"`
	// container; absent where the pod as a whole was killed.
	// +optional
	Container string `json:"container,omitempty"`
	// containerID is the first 12 digits of the container's ID. With uid and container it tells two kills apart.
	// +optional
	// +kubebuilder:validation:MaxLength=12
	ContainerID string `json:"containerID,omitempty"`
	// exitCode of the container, absent where none was reported.
	// +optional
	ExitCode *int32 `json:"exitCode,omitempty"`
	// +optional
	Workload *WorkloadReference `json:"workload,omitempty"`
	// critical by the policy.
	// +optional
	Critical bool `json:"critical,omitempty"`
	// predicted is what this object said of the victim before the kill, absent if the object said nothing.
	// +optional
	Predicted *KillPrediction `json:"predicted,omitempty"`
	// culprit at that moment as NAMESPACE/WORKLOAD (NAMESPACE/POD for a bare pod); absent if unknown, or if the victim
	// was the culprit.
	// +optional
	Culprit string `json:"culprit,omitempty"`
	// wrongVictim: the killer took another pod than the culprit.
	// +optional
	WrongVictim bool `json:"wrongVictim,omitempty"`
	// message is the evidence in one line.
	// +optional
	// +kubebuilder:validation:MaxLength=160
	Message string `json:"message,omitempty"`
	// seenAt is when the operator first saw the kill, by the operator's own clock.
	SeenAt metav1.Time `json:"seenAt"`
}

// KillPrediction is what was published of a victim before the kill.
type KillPrediction struct {
	// killer whose order is meant.
	Killer Killer `json:"killer"`
	// rank of the victim in that order; absent if the victim stood beyond the order's published end.
	// +optional
	Rank int32 `json:"rank,omitempty"`
	// headroom of that killer, as published.
	// +optional
	Headroom *resource.Quantity `json:"headroom,omitempty"`
	// observedAt is the time of the readings behind that order: the prediction's age at the kill.
	// +optional
	ObservedAt *metav1.Time `json:"observedAt,omitempty"`
}

// PredictionScore says how often the victim had been foreseen.
type PredictionScore struct {
	// scored kills: those for which an order of the right killer was published before.
	Scored int32 `json:"scored"`
	// firstVictim counts kills whose victim was the first of that order.
	FirstVictim int32 `json:"firstVictim"`
	// listed counts kills whose victim was in that order, first or not.
	Listed int32 `json:"listed"`
}

// KillHistory has the counts that status.kills and status.predictions are sums of, so that a restart of the operator
// loses no kill and counts none twice.
type KillHistory struct {
	// until: kills that the operator first saw up to then are counted below.
	Until metav1.Time `json:"until"`
	// hours of the last day with a kill.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=25
	Hours []KillHour `json:"hours,omitempty"`
	// days of the last thirty with a kill that was scored.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=31
	Days []PredictionDay `json:"days,omitempty"`
}

// KillHour counts the kills of one hour, by cause.
type KillHour struct {
	// start of the hour, UTC.
	Start metav1.Time         `json:"start"`
	Kills map[KillCause]int32 `json:"kills"`
}

// PredictionDay is the score of one day.
type PredictionDay struct {
	// start of the day, UTC.
	Start           metav1.Time `json:"start"`
	PredictionScore `json:",inline"`
}
