package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
)

// WorkloadReference names the controller behind a pod.
type WorkloadReference struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// EvictionReason says why a pod stands where it does in evictionOrder.
// +kubebuilder:validation:Enum=ExceedsRequest;WithinRequest;NoKubeletStats;UsageUnknown
type EvictionReason string

// Why a pod stands where it does in evictionOrder.
const (
	// ReasonExceedsRequest pods use more than they request, and go before those that do not.
	ReasonExceedsRequest EvictionReason = "ExceedsRequest"
	// ReasonWithinRequest pods use no more than they request.
	ReasonWithinRequest EvictionReason = "WithinRequest"
	// ReasonNoKubeletStats pods have no running container: the kubelet has no stats for them and evicts them first.
	ReasonNoKubeletStats EvictionReason = "NoKubeletStats"
	// ReasonUsageUnknown pods run, but there is no reading for them here; they are ranked as using 0 bytes.
	ReasonUsageUnknown EvictionReason = "UsageUnknown"
)

// EvictionVictim is one pod in the kubelet's order.
type EvictionVictim struct {
	// rank, 1 is evicted first.
	Rank      int32     `json:"rank"`
	Namespace string    `json:"namespace"`
	Pod       string    `json:"pod"`
	UID       types.UID `json:"uid"`
	// workload that owns the pod.
	// +optional
	Workload *WorkloadReference `json:"workload,omitempty"`
	// critical by the policy.
	// +optional
	Critical bool `json:"critical,omitempty"`
	// qosClass plays no part in this order; it is shown because people look for it.
	QOSClass string `json:"qosClass"`
	// priority of the pod; lower goes first among pods that all exceed, or all keep within, their request.
	// +optional
	Priority int32 `json:"priority,omitempty"`
	// usage is the pod's working set, absent if unknown.
	// +optional
	Usage *resource.Quantity `json:"usage,omitempty"`
	// request is the effective memory request that the kubelet compares with.
	Request resource.Quantity `json:"request"`
	// reason for the place in the order.
	Reason EvictionReason `json:"reason"`
	// tied with a neighbour: their keys are equal, or within the band in which readings are noise.
	// +optional
	Tied bool `json:"tied,omitempty"`
}

// OOMVictim is one container in the kernel's order.
type OOMVictim struct {
	// rank, 1 is killed first.
	Rank      int32  `json:"rank"`
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container"`
	// critical by the policy.
	// +optional
	Critical bool   `json:"critical,omitempty"`
	QOSClass string `json:"qosClass"`
	// oomScoreAdj as in /proc/PID/oom_score_adj.
	OOMScoreAdj int32 `json:"oomScoreAdj"`
	// oomScore as in /proc/PID/oom_score: always on the scale of all RAM and swap, so it may not fall with rank.
	OOMScore int32 `json:"oomScore"`
	// badness is what the rank follows, in oomScope: memory + oomScoreAdj thousandths of the scope's limit.
	Badness resource.Quantity `json:"badness"`
	// usage is the container's RSS where known, else its working set. Absent if unknown.
	// +optional
	Usage *resource.Quantity `json:"usage,omitempty"`
}

// LimitVictim is a container, or a pod with a pod-level limit, near its own memory limit.
type LimitVictim struct {
	// rank, 1 is nearest to its limit.
	Rank      int32  `json:"rank"`
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	// container; absent for the pod-level limit.
	// +optional
	Container string `json:"container,omitempty"`
	// usage is the working set under that limit.
	Usage resource.Quantity `json:"usage"`
	Limit resource.Quantity `json:"limit"`
	// percent of the limit in use.
	Percent int32 `json:"percent"`
	// timeToLimit is a bound on the time to the limit at the present growth, absent if not meaningful.
	// +optional
	TimeToLimit TimeBound `json:"timeToLimit,omitempty"`
}

// TimeBound says about how soon something happens if memory goes on growing as it does: an estimate, sooner than
// the time it names.
// +kubebuilder:validation:Enum="<5m";"<15m";"<1h";"<6h"
type TimeBound string

// How soon.
const (
	Within5Minutes  TimeBound = "<5m"
	Within15Minutes TimeBound = "<15m"
	WithinAnHour    TimeBound = "<1h"
	Within6Hours    TimeBound = "<6h"
)

// CulpritReason says why a pod is named the culprit.
// +kubebuilder:validation:Enum=Growth;OverRequest
type CulpritReason string

// Why a pod is named the culprit.
const (
	CulpritGrowth      CulpritReason = "Growth"
	CulpritOverRequest CulpritReason = "OverRequest"
)

// CulpritReference is the pod whose growth brings the node down.
//
// +structType=atomic
type CulpritReference struct {
	Namespace string    `json:"namespace"`
	Pod       string    `json:"pod"`
	UID       types.UID `json:"uid"`
	// +optional
	Workload *WorkloadReference `json:"workload,omitempty"`
	// reason is Growth over the readings kept, or OverRequest where nothing grows.
	Reason CulpritReason `json:"reason"`
	// amount it grew by, or exceeds its request by.
	Amount resource.Quantity `json:"amount"`
}
