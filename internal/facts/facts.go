// Package facts holds what the engine knows about a node, in plain structs: memory is int64 bytes,
// time is Unix nanoseconds or a time.Time, and nothing comes from Kubernetes' API packages. Values here are
// made by extract and never changed afterwards.
package facts

import "time"

// MaxBytes caps every amount of memory (8 PiB): a thousand times as much still fits an int64, so the
// arithmetic of oom_score_adj cannot overflow on absurd quantities.
const MaxBytes = int64(1) << 53

// Unknown is a memory amount for which there is no reading.
const Unknown = int64(-1)

// minBand is the least change of a reading, in bytes, that is more than noise.
const minBand = 16 << 20

// Band is the change, in bytes, within which an amount of memory counts as unchanged: 16Mi, or 5% of it.
func Band(bytes int64) int64 { return max(minBand, bytes/20) }

// QOS is the quality of service class of a pod.
type QOS uint8

// The QoS classes.
const (
	BestEffort QOS = iota
	Burstable
	Guaranteed
)

func (q QOS) String() string {
	return [...]string{"BestEffort", "Burstable", "Guaranteed"}[q]
}

// Workload is the controller behind a pod; both fields are empty for a bare pod.
type Workload struct {
	Kind, Name string
}

// Pod is what the API object of an unfinished pod says, as far as memory killers care.
type Pod struct {
	Namespace, Name, UID string
	Node                 string
	Workload             Workload
	Labels               Labels
	// Priority as admitted; 0 where absent.
	Priority int32
	QOS      QOS
	// Exempt pods are never evicted: static, mirror, or of priority >= 2000000000.
	Exempt bool
	// NodeCritical pods get oom_score_adj -997 whatever they request.
	NodeCritical bool
	// Terminating pods stay candidates for eviction.
	Terminating bool
	// SandboxReady: a pod sandbox runs, so cri-o has stats even without a running container.
	SandboxReady bool
	// Request is the effective memory request that eviction compares usage with, overhead included.
	Request int64
	// Limit is the pod-level memory limit, 0 if none is set.
	Limit int64
	// AdjShare is each container's share of a pod-level memory request not given to containers; it counts as
	// requested in oom_score_adj.
	AdjShare int64
	// Containers are init containers and sidecars, containers, ephemeral containers, each in spec order.
	Containers []Container
	// Rare is what few pods have, nil if this one has none of it.
	Rare *Rare
}

// Rare is what few pods have.
type Rare struct {
	// Resize is a change of the pod's resources that is asked for and not in force.
	Resize Resize
	// Odd are amounts of memory that were written wrong.
	Odd []OddQuantity
	// Ignores are the findings about the pod that its owner does not want to see.
	Ignores []Ignore
	// Claims is memory that containers have of resource claims (dynamic resource allocation).
	Claims []Claim
}

// Claim is the memory, in bytes, that one container of a pod has of resource claims, by its index in Containers. The amount counts as
// requested in oom_score_adj, and not in the eviction order.
type Claim struct {
	Container int
	Bytes     int64
}

// Claimed is the memory, in bytes, that container i has of resource claims.
func (p *Pod) Claimed(i int) int64 {
	if p.Rare != nil {
		for _, c := range p.Rare.Claims {
			if c.Container == i {
				return c.Bytes
			}
		}
	}
	return 0
}

// ResizeState is how far an in-place resize is.
type ResizeState uint8

// The states of a resize (conditions PodResizePending and PodResizeInProgress).
const (
	NoResize ResizeState = iota
	// ResizeDeferred: the node has no room at present. ResizeInfeasible: it never will.
	ResizeDeferred
	ResizeInfeasible
	ResizeInProgress
)

// Resize is an in-place resize that is under way.
type Resize struct {
	State ResizeState
	// Request is the effective memory request that the spec asks for, in bytes. Limit is the sum of the memory limits that
	// it asks for, or the pod's own; MaxBytes where a container has none.
	Request, Limit int64
}

// OddQuantity is an amount of memory that says less than a kibibyte, by a wrong unit.
type OddQuantity struct {
	// Container's name, "" for the pod's own resources.
	Container string
	// Field is "requests.memory" or "limits.memory".
	Field string
	// Value as written, Meant what was meant.
	Value, Meant string
}

// ContainerKind tells the kinds of containers apart.
type ContainerKind uint8

// The kinds of containers.
const (
	Regular ContainerKind = iota
	Sidecar
	Init
	Ephemeral
)

// Container is one container of a Pod.
type Container struct {
	Name    string
	Kind    ContainerKind
	Running bool
	// Request and Limit are the container's own memory request and limit; 0 if not set.
	Request, Limit int64
	// CPURequest and CPULimit in thousandths of a core; 0 if not set. They matter for the QoS class only.
	CPURequest, CPULimit int64
	// Started is when the running container started, in Unix nanoseconds; 0 if it does not run.
	Started int64
	// Tmpfs is how much, in bytes, the container can write into memory-backed emptyDir volumes: 0 if it mounts none,
	// MaxBytes if one of them has no sizeLimit.
	Tmpfs int64
	// AtStart is the pod as it was when the container started, nil if its requests have not changed since:
	// an in-place resize changes requests, but not the oom_score_adj already written.
	AtStart *Pod
}

// Started is when the first of the running containers started, in Unix nanoseconds; 0 if none runs.
func (p *Pod) Started() (first int64) {
	for i := range p.Containers {
		if t := p.Containers[i].Started; t != 0 && (first == 0 || t < first) {
			first = t
		}
	}
	return first
}

// AnyRunning reports whether a container of the pod runs.
func (p *Pod) AnyRunning() bool {
	for i := range p.Containers {
		if p.Containers[i].Running {
			return true
		}
	}
	return false
}

// HasKubeletStats reports whether the kubelet has stats for the pod. With containerd they come from running
// containers (pkg/kubelet/stats/cri_stats_provider.go of Kubernetes v1.37.2); where sandboxStats is set (cri-o), a
// sandbox has stats of its own.
func (p *Pod) HasKubeletStats(sandboxStats bool) bool {
	return p.AnyRunning() || (sandboxStats && p.SandboxReady)
}

// Node is everything one evaluation takes: the node, its usage and its pods.
type Node struct {
	Name, UID string
	// Capacity and Allocatable memory; 0 if the node does not say.
	Capacity, Allocatable int64
	// Hugepages is the memory set aside for huge pages.
	Hugepages int64
	// Minor is the kubelet's minor version of Kubernetes 1, 0 if unknown.
	Minor int
	// Linux is false on nodes that the Linux kernel's rules do not govern: Windows, and nodes without a kubelet of their
	// own. NotLinux then says why.
	Linux    bool
	NotLinux string
	// Virtual nodes have no kubelet that evicts (KWOK, virtual-kubelet, Liqo): their pods run elsewhere, or nowhere.
	// NotLinux says which kind it is.
	Virtual bool
	// DefaultEvictionHard is the hard memory.available threshold, in bytes, of a kubelet that is not told otherwise: 100Mi
	// on Linux, 500Mi on Windows, 0 where the distribution takes the default away (DroppedBy).
	DefaultEvictionHard int64
	// DroppedBy names the distribution that sets evictionHard without memory.available (k3s, RKE2); "" for others.
	DroppedBy string
	// Provider that sets reservations for the node's owner.
	Provider Provider
	// SandboxStats: the runtime (cri-o) has stats for pods without a running container.
	SandboxStats bool
	// MemoryPressure is the node's condition as the kubelet reports it, PressureSince when that last changed.
	MemoryPressure Tristate
	PressureSince  time.Time
	// Config is the kubelet's configuration, nil where it cannot be read.
	Config *KubeletConfig
	// KubeletUnread says in a sentence why the kubelet could not be read; "" if it could, or was not asked.
	KubeletUnread string
	// Accused is the culprit in the eyes of somebody who has watched the node for longer; nil where nobody has.
	Accused *Accused
	// Usage of the node as a whole.
	Usage NodeUsage
	// Ignores are the findings about the node that its owner does not want to see.
	Ignores []Ignore
	// Pods bound to the node that are not finished.
	Pods []PodState
}

// Accused is whom somebody who has watched a node holds for its culprit.
type Accused struct {
	// UID of the pod; "" if nobody is accused.
	UID string
	// Grew: for growth by Bytes; else for being Bytes over its request.
	Grew  bool
	Bytes int64
}

// Provider is who runs the node, as far as that decides how its reservations are set.
type Provider uint8

// The providers. SelfManaged is any other.
const (
	SelfManaged Provider = iota
	// OneReservation providers set only one of kubeReserved and systemReserved (OpenShift, AKS, EKS, GKE).
	OneReservation
	// NoReservations: nobody can set any (Fargate).
	NoReservations
)

// Ignore is the wish not to see a rule's findings about an object.
type Ignore struct {
	Rule string
	// Until, in Unix seconds, ends it; 0 for never.
	Until int64
	// Reason as given, bounded and printable.
	Reason string
}

// Tristate is a condition that may be unknown.
type Tristate uint8

// The states of a Tristate.
const (
	StateUnknown Tristate = iota
	StateTrue
	StateFalse
)

// Source is where readings come from.
type Source uint8

// The sources of readings.
const (
	SourceNone Source = iota
	SourceMetricsAPI
	SourceKubelet
)

// NodeUsage is the node's own readings.
type NodeUsage struct {
	Source Source
	// WorkingSet of the root cgroup, Unknown if there is no reading. RSS is the anonymous memory in it (the rest
	// is page cache and the kernel's), 0 where the source does not tell.
	WorkingSet, RSS int64
	// Available is the kubelet's own memory.available, Unknown where only WorkingSet is known.
	Available int64
	// PodsWorkingSet of the kubepods cgroup, Unknown if there is no reading.
	PodsWorkingSet int64
	// ObservedAt is the time of the oldest reading used for this node, zero if there is none. MeasuredAt is that of the
	// node's own.
	ObservedAt, MeasuredAt time.Time
	// SwapCapacity of the node, 0 if it has none or it is not known.
	SwapCapacity int64
	// CommitLimit of a Windows node: there, Available is a part of it. 0 on Linux, and where the limit is not known.
	CommitLimit int64
}

// PodState is a pod with what policy and usage add to it. Pod is shared with the cache, not copied.
type PodState struct {
	*Pod
	// Critical and Production by the policy.
	Critical, Production bool
	// WorkingSet of the pod, Unknown if there is no reading.
	WorkingSet int64
	// Growth of the working set over the readings kept, in bytes; 0 with fewer than two readings. GrowthKnown: there are
	// two.
	Growth      int64
	GrowthKnown bool
	// Peak is the largest working set of the readings kept, in bytes; 0 if there is none.
	Peak int64
	// History is the working sets of the readings kept since the first container started, oldest first, the present one
	// last; nil if there is no reading.
	History []Sample
	// Usage of the containers, parallel to Containers; nil if there is no reading for the pod.
	Usage []ContainerUsage
	// Killed is what killers did to the pod's workload lately; nil if nothing is known of that.
	Killed *Killed
}

// ContainerUsage is one container's readings; each is Unknown if there is none.
type ContainerUsage struct {
	WorkingSet, RSS, Swap int64
}

// NoContainerUsage is a container without a reading.
var NoContainerUsage = ContainerUsage{WorkingSet: Unknown, RSS: Unknown, Swap: Unknown}

// PodReading is what a source of usage says about one pod.
type PodReading struct {
	Source     Source
	ObservedAt time.Time
	// WorkingSet of the pod in bytes, where the source knows it; else the sum of the containers'.
	WorkingSet int64
	// History of the pod's working set over the readings kept, oldest first, this one last.
	History []Sample
	// Containers in no particular order.
	Containers []ContainerReading
}

// Sample is one working set, in bytes, at a time in Unix seconds.
type Sample struct {
	At, WorkingSet int64
}

// ContainerReading is one container's reading.
type ContainerReading struct {
	Name string
	ContainerUsage
}

// NodeReading is what a source of usage says about one node; amounts are Unknown where it does not know them.
type NodeReading struct {
	Source     Source
	ObservedAt time.Time
	// WorkingSet of the root cgroup, PodsWorkingSet of the kubepods cgroup.
	WorkingSet, PodsWorkingSet int64
	// RSS of the root cgroup, 0 where the source does not tell.
	RSS int64
	// Available is the kubelet's memory.available.
	Available int64
	// SwapCapacity is 0 if the node has no swap or it is not known.
	SwapCapacity int64
	// CommitLimit of Windows: what all processes may commit, page files included. 0 if it is not known, or on Linux.
	CommitLimit int64
}

// Readings are the latest of every pod and node, as the last pass over their sources left them.
type Readings interface {
	Pod(namespace, name string) (PodReading, bool)
	Node(name string) (NodeReading, bool)
}

// Policy is what the KillOrderPolicy says, as numbers.
type Policy struct {
	// Source of readings. SourceNone chooses for each node: its kubelet where the kubelet answers, else metrics.k8s.io.
	Source Source
	// TopN is how much of each order is published, RiskRank how far from the front critical pods should be.
	TopN, RiskRank int
	// RiskHeadroomPercent of a killer's limit: with less left, a critical pod near the front is at risk.
	RiskHeadroomPercent int
	// NearLimitPercent of a limit in use makes the limit's own kill a near one.
	NearLimitPercent int
	// MinPriority from which pods are critical.
	MinPriority int32
	// MaxAge of readings; older ones are stale.
	MaxAge time.Duration
	// AssumedEvictionHard applies where the threshold can neither be read nor inferred.
	AssumedEvictionHard Threshold
	// DisabledFindings by rule name.
	DisabledFindings map[string]bool
}
