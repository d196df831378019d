package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Bounds of the published lists; the schema enforces them.
const (
	// MaxTopN is the largest topN a policy may ask for.
	MaxTopN = 20
	// MaxLimitOrder bounds status.limitOrder.
	MaxLimitOrder = 5
	// MaxFindings bounds status.findings.
	MaxFindings = 8
	// MaxKills bounds status.kills.
	MaxKills = 3
	// MaxAtRisk bounds status.atRisk.
	MaxAtRisk = 20
	// MaxText bounds every message and fix, in characters.
	MaxText = 160
)

// NodeKillOrder says who dies first if this node runs out of memory: by the kubelet's eviction manager, by
// the kernel's OOM killer, and at a container's own limit. The operator keeps one per Node, under its name.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=nko,categories=killorder
// +kubebuilder:printcolumn:name="Headroom",type=string,JSONPath=`.status.memory.headroom`,description="What is left before the kubelet evicts"
// +kubebuilder:printcolumn:name="First-Evicted",type=string,JSONPath=`.status.summary.firstEvicted`,description="The workload of the pod that the kubelet would evict first"
// +kubebuilder:printcolumn:name="First-OOM",type=string,JSONPath=`.status.summary.firstOOMKilled`,description="The workload of the pod that the kernel would kill first"
// +kubebuilder:printcolumn:name="At-Risk",type=integer,JSONPath=`.status.summary.criticalAtRisk`,description="Critical pods within riskRank of an order"
// +kubebuilder:printcolumn:name="Findings",type=integer,JSONPath=`.status.summary.findings`,description="Misconfigurations found"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether the usage behind this order is fresh"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Available",type=string,priority=1,JSONPath=`.status.memory.available`,description="memory.available as the kubelet counts it"
// +kubebuilder:printcolumn:name="Capacity",type=string,priority=1,JSONPath=`.status.memory.capacity`
// +kubebuilder:printcolumn:name="Requested",type=string,priority=1,JSONPath=`.status.memory.requested`
// +kubebuilder:printcolumn:name="Source",type=string,priority=1,JSONPath=`.status.usage.source`
// +kubebuilder:printcolumn:name="Culprit",type=string,priority=1,JSONPath=`.status.summary.culprit`,description="The workload whose growth brings the node down"
// +kubebuilder:printcolumn:name="Last-Kill",type=string,priority=1,JSONPath=`.status.summary.lastKill`,description="The last real kill: its age when this was written, its cause, its victim"
type NodeKillOrder struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is empty: a NodeKillOrder is read, never configured. It exists for tools that expect one.
	// +optional
	Spec NodeKillOrderSpec `json:"spec,omitempty"`
	// status is the prediction, written by the operator alone.
	// +optional
	Status NodeKillOrderStatus `json:"status,omitempty"`
}

// NodeKillOrderSpec is empty.
type NodeKillOrderSpec struct{}

// NodeKillOrderList is a list of NodeKillOrders.
//
// +kubebuilder:object:root=true
type NodeKillOrderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NodeKillOrder `json:"items"`
}

// NodeKillOrderStatus is one node's prediction, given the readings it names.
type NodeKillOrderStatus struct {
	// lastChangedAt is when this content was written.
	// +optional
	LastChangedAt *metav1.Time `json:"lastChangedAt,omitempty"`
	// usage says where the memory readings come from and how old they were.
	// +optional
	Usage *UsageStatus `json:"usage,omitempty"`
	// memory is the node's memory as the two killers see it.
	// +optional
	Memory *MemoryStatus `json:"memory,omitempty"`
	// summary counts everything (lists are cut at topN) and names the first victims.
	// +optional
	Summary *SummaryStatus `json:"summary,omitempty"`
	// evictionOrder is whom the kubelet would evict, first to last, cut at topN.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	EvictionOrder []EvictionVictim `json:"evictionOrder,omitempty"`
	// oomOrder is whom the kernel would kill, per container, first to last, cut at topN. Empty on nodes
	// without the Linux kernel's rules.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	OOMOrder []OOMVictim `json:"oomOrder,omitempty"`
	// limitOrder is the containers and pods nearest to a memory limit of their own.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	LimitOrder []LimitVictim `json:"limitOrder,omitempty"`
	// culpritRef is the pod whose growth brings the node down, absent if there is none.
	// +optional
	CulpritRef *CulpritReference `json:"culpritRef,omitempty"`
	// atRisk is the critical pods within the first riskRank of an order.
	// +optional
	// +listType=map
	// +listMapKey=uid
	// +listMapKey=killer
	// +kubebuilder:validation:MaxItems=20
	AtRisk []AtRiskPod `json:"atRisk,omitempty"`
	// findings is the misconfigurations found, worst first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Findings []Finding `json:"findings,omitempty"`
	// kills is the last real kills on this node, newest first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=3
	Kills []Kill `json:"kills,omitempty"`
	// conditions are Ready, CriticalAtRisk, WrongVictim and MemoryPressure.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// UsageSource is where memory readings come from.
// +kubebuilder:validation:Enum=MetricsAPI;Kubelet;None
type UsageSource string

// The sources of memory readings.
const (
	UsageSourceMetricsAPI UsageSource = "MetricsAPI"
	UsageSourceKubelet    UsageSource = "Kubelet"
	UsageSourceNone       UsageSource = "None"
)

// UsageStatus says where the readings come from.
//
// +structType=atomic
type UsageStatus struct {
	// source of the readings: MetricsAPI (working sets), Kubelet (working sets and RSS) or None.
	Source UsageSource `json:"source"`
	// observedAt is the time of the oldest reading used, when this was written.
	// +optional
	ObservedAt *metav1.Time `json:"observedAt,omitempty"`
	// missing counts running candidates without a reading.
	// +optional
	Missing int32 `json:"missing,omitempty"`
}

// ThresholdSource says how the eviction threshold is known.
// +kubebuilder:validation:Enum=Kubelet;Inferred;Default;None
type ThresholdSource string

// How the eviction threshold is known. None: there is no threshold, so nobody is evicted.
const (
	ThresholdKubelet  ThresholdSource = "Kubelet"
	ThresholdInferred ThresholdSource = "Inferred"
	ThresholdDefault  ThresholdSource = "Default"
	ThresholdNone     ThresholdSource = "None"
)

// EvictionSignal is the kubelet signal nearest to its threshold.
// +kubebuilder:validation:Enum=memory.available;allocatableMemory.available
type EvictionSignal string

// The kubelet's memory signals.
const (
	SignalMemoryAvailable            EvictionSignal = "memory.available"
	SignalAllocatableMemoryAvailable EvictionSignal = "allocatableMemory.available"
)

// OOMScope is the limit that is hit first: the whole node's memory or the kubepods cgroup's.
// +kubebuilder:validation:Enum=Node;Pods
type OOMScope string

// The scopes of a kernel OOM above container level.
const (
	OOMScopeNode OOMScope = "Node"
	OOMScopePods OOMScope = "Pods"
)

// OOMUnit is what a kernel OOM kill takes.
// +kubebuilder:validation:Enum=Process;Container
type OOMUnit string

// What a kernel OOM kill takes: a container if the kubelet sets memory.oom.group, as it does on cgroup v2 by default.
const (
	OOMKillsProcess   OOMUnit = "Process"
	OOMKillsContainer OOMUnit = "Container"
)

// MemoryStatus is the node's memory as the two killers see it.
//
// +structType=atomic
type MemoryStatus struct {
	// capacity is the node's memory.
	Capacity resource.Quantity `json:"capacity"`
	// allocatable is the memory the scheduler may hand out.
	// +optional
	Allocatable *resource.Quantity `json:"allocatable,omitempty"`
	// available is the kubelet's memory.available: capacity less the node's working set. Absent if unknown.
	// +optional
	Available *resource.Quantity `json:"available,omitempty"`
	// requested is the sum of the effective memory requests of the pods on the node.
	// +optional
	Requested *resource.Quantity `json:"requested,omitempty"`
	// evictionThreshold is the hard memory.available threshold. Absent if there is none.
	// +optional
	EvictionThreshold *resource.Quantity `json:"evictionThreshold,omitempty"`
	// softEvictionThreshold is the soft memory.available threshold, if one is set.
	// +optional
	SoftEvictionThreshold *resource.Quantity `json:"softEvictionThreshold,omitempty"`
	// softEvictionGracePeriodSeconds is how long the soft threshold must be crossed before the kubelet evicts.
	// +optional
	SoftEvictionGracePeriodSeconds *int64 `json:"softEvictionGracePeriodSeconds,omitempty"`
	// softCrossedAt is since when less than the soft threshold has been available: the kubelet reports MemoryPressure, and
	// evicts once the grace period is over. Absent while the threshold is not crossed.
	// +optional
	SoftCrossedAt *metav1.Time `json:"softCrossedAt,omitempty"`
	// evictionMinimumReclaim is what eviction frees beyond the hard threshold once that was crossed, if it is set.
	// +optional
	EvictionMinimumReclaim *resource.Quantity `json:"evictionMinimumReclaim,omitempty"`
	// thresholdSource says how the threshold is known.
	ThresholdSource ThresholdSource `json:"thresholdSource"`
	// evictionSignal is the signal whose threshold is nearer.
	// +optional
	EvictionSignal EvictionSignal `json:"evictionSignal,omitempty"`
	// headroom is what is left until the first threshold that evicts or raises MemoryPressure: hard or soft, of either
	// signal. It may be negative. Absent if unknown.
	// +optional
	Headroom *resource.Quantity `json:"headroom,omitempty"`
	// hardHeadroom is what is left until the nearest hard threshold, where headroom is that of the soft one.
	// +optional
	HardHeadroom *resource.Quantity `json:"hardHeadroom,omitempty"`
	// nonPod is the node's working set less that of all pods: daemons, the kernel, page cache. Absent if unknown.
	// +optional
	NonPod *resource.Quantity `json:"nonPod,omitempty"`
	// oomScope is the limit that is hit first.
	// +optional
	OOMScope OOMScope `json:"oomScope,omitempty"`
	// oomKills is what dies with the process that the kernel chooses: Process, that one alone, or Container, all of
	// its container. Absent if unknown.
	// +optional
	OOMKills OOMUnit `json:"oomKills,omitempty"`
	// oomHeadroom is that scope's limit less its working set. Absent if unknown.
	// +optional
	OOMHeadroom *resource.Quantity `json:"oomHeadroom,omitempty"`
	// timeToThreshold is a bound on the time to the eviction threshold at the present growth, absent if not
	// meaningful.
	// +optional
	TimeToThreshold TimeBound `json:"timeToThreshold,omitempty"`
}

// SummaryStatus counts everything and names the first victims as NAMESPACE/POD.
//
// +structType=atomic
type SummaryStatus struct {
	// pods on the node that are not finished.
	Pods int32 `json:"pods"`
	// exemptPods are never evicted by the kubelet: static and mirror pods, and priorities from 2000000000 up.
	// +optional
	ExemptPods int32 `json:"exemptPods,omitempty"`
	// criticalAtRisk counts the critical pods within riskRank of an order.
	CriticalAtRisk int32 `json:"criticalAtRisk"`
	// findings counts the misconfigurations found; one that many workloads share counts once.
	Findings int32 `json:"findings"`
	// ignored counts findings that an annotation ignore.killorder.io/RULE keeps from the list.
	// +optional
	Ignored int32 `json:"ignored,omitempty"`
	// firstEvicted is the workload of the pod that the kubelet would evict first, as namespace/name; the pod itself
	// where it has no workload. The exact pod stands in next and in evictionOrder.
	// +optional
	FirstEvicted string `json:"firstEvicted,omitempty"`
	// firstOOMKilled is the workload of the pod that the kernel would kill first, as namespace/name.
	// +optional
	FirstOOMKilled string `json:"firstOOMKilled,omitempty"`
	// firstAtLimit is the workload of the pod nearest to a limit of its own, as namespace/name.
	// +optional
	FirstAtLimit string `json:"firstAtLimit,omitempty"`
	// culprit is the workload whose growth brings the node down, as namespace/name; culpritRef names the pod.
	// +optional
	Culprit string `json:"culprit,omitempty"`
	// lastKill is the newest of kills: its age when this was written, its cause, its victim.
	// +optional
	LastKill string `json:"lastKill,omitempty"`
	// next is the killer with the least headroom, and its first victim, by the readings of now.
	// +optional
	Next *NextKill `json:"next,omitempty"`
	// forecast is who dies first when it comes to it: each pod that has grown steadily for three minutes or more goes on growing
	// until the first killer acts, and the victim is chosen then. forecast is absent where the victim is the pod that next names,
	// where nothing but noise separates the two pods, and where no pod grows steadily.
	// +optional
	Forecast *ForecastKill `json:"forecast,omitempty"`
}

// Killer is one of the three ways memory kills.
// +kubebuilder:validation:Enum=Eviction;OOM;Limit
type Killer string

// The killers.
const (
	KillerEviction Killer = "Eviction"
	KillerOOM      Killer = "OOM"
	KillerLimit    Killer = "Limit"
)

// NextKill is the killer with the least headroom, and its first victim.
type NextKill struct {
	Killer    Killer            `json:"killer"`
	Namespace string            `json:"namespace"`
	Pod       string            `json:"pod"`
	UID       types.UID         `json:"uid"`
	Headroom  resource.Quantity `json:"headroom"`
}

// ForecastKill is the killer that acts first if every pod that grows steadily goes on growing as it does, the first victim at that
// moment, and about how soon that moment comes.
type ForecastKill struct {
	Killer    Killer    `json:"killer"`
	Namespace string    `json:"namespace"`
	Pod       string    `json:"pod"`
	UID       types.UID `json:"uid"`
	In        TimeBound `json:"in"`
}
