package forensics

import (
	"cmp"
	"time"
)

// Cause is the memory killer behind a death, by the names of the API.
type Cause string

// The memory killers.
const (
	// CauseEviction: the kubelet evicted the pod because the node was short of memory.
	CauseEviction Cause = "Eviction"
	// CauseContainerLimit: the kernel killed because the container reached its own memory limit (tmpfs counts).
	CauseContainerLimit Cause = "ContainerLimit"
	// CausePodLimit: the kernel killed because the pod's cgroup reached its memory limit.
	CausePodLimit Cause = "PodLimit"
	// CausePodsOOM: the kernel killed because all pods together (the kubepods cgroup) reached their limit.
	CausePodsOOM Cause = "PodsOOM"
	// CauseNodeOOM: the kernel killed because the node, or the NUMA nodes open to the process, ran out of memory.
	CauseNodeOOM Cause = "NodeOOM"
	// CauseProcessOOM: a process in the container was OOM-killed, but the container ended for another reason.
	CauseProcessOOM Cause = "ProcessOOM"
	// CauseForeign: neither the kubelet nor a traced kernel kill: systemd-oomd, earlyoom, Talos, somebody's kill -9.
	CauseForeign Cause = "Foreign"
	// CauseUnknown: an OOM kill, but nothing tells which memory ran out.
	CauseUnknown Cause = "Unknown"
)

// Reason is what ended a pod or container that no memory killer took.
type Reason string

// What a death was, where it was no kill for memory.
const (
	// ReasonRejected: the kubelet did not admit the pod (or, after its own restart, no longer).
	ReasonRejected Reason = "Rejected"
	// ReasonOutOfmemory: the pod's request did not fit the node. Nothing was killed.
	ReasonOutOfmemory Reason = "OutOfmemory"
	// ReasonPreempted: the scheduler or the kubelet made room for a pod of higher priority.
	ReasonPreempted Reason = "Preempted"
	// ReasonShutdown: the node shut down gracefully.
	ReasonShutdown Reason = "Shutdown"
	// ReasonDrained: the eviction API, as kubectl drain calls it.
	ReasonDrained Reason = "Drained"
	// ReasonTainted: a NoExecute taint.
	ReasonTainted Reason = "Tainted"
	// ReasonNodeGone: the node is gone, and the pod's object was cleaned up.
	ReasonNodeGone Reason = "NodeGone"
	// ReasonProbe: a liveness or startup probe failed.
	ReasonProbe Reason = "Probe"
	// ReasonForgedStatus: the kubelet wrote an exit code that no process had.
	ReasonForgedStatus Reason = "ForgedStatus"
	// ReasonReboot: the node or the container runtime stopped under the container.
	ReasonReboot Reason = "Reboot"
	// ReasonDiskEviction: evicted for disk space, inodes or a storage limit.
	ReasonDiskEviction Reason = "DiskEviction"
	// ReasonPIDEviction: evicted because the node was short of process IDs.
	ReasonPIDEviction Reason = "PIDEviction"
	// ReasonExit: the container ended by itself, or was stopped as asked: a deletion, a deadline, a changed image.
	ReasonExit Reason = "Exit"
	// ReasonUnknown: no kill for memory, and nothing tells what else it was.
	ReasonUnknown Reason = "Unknown"
)

// Confidence says how much a judgement rests on.
type Confidence uint8

// The confidences. The zero value is no judgement.
const (
	// Low: a guess, and the message says so.
	Low Confidence = iota + 1
	// Medium: the traces speak for it, but allow something else.
	Medium
	// High: the traces allow nothing else.
	High
)

func (c Confidence) String() string {
	if c > High {
		return ""
	}
	return [...]string{"", "Low", "Medium", "High"}[c]
}

// MarshalText writes the confidence as in the API.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText wrote; what is not known becomes no judgement.
func (c *Confidence) UnmarshalText(text []byte) error {
	*c = map[string]Confidence{"Low": Low, "Medium": Medium, "High": High}[string(text)]
	return nil
}

// Where evidence comes from.
const (
	SourcePod        = "Pod status"
	SourceSpec       = "Pod spec"
	SourceEvent      = "Event"
	SourceNodeEvent  = "Node Event"
	SourceKernel     = "Kernel"
	SourceReadings   = "Readings"
	SourceNeighbours = "Other deaths"
	SourceConfig     = "Kubelet configuration"
	SourceNode       = "Node"
)

// Evidence is one piece of what a judgement rests on: at most 240 characters, without control characters.
type Evidence struct {
	Source string `json:"source"`
	Text   string `json:"text"`
	// Against: the piece speaks against the judgement.
	Against bool `json:"against,omitempty"`
}

// Key names a death for good: the same death has the same key in whatever object or Event shows it. Container and
// ContainerID are empty where the pod ended as a whole.
type Key struct {
	UID         string `json:"uid"`
	Container   string `json:"container,omitempty"`
	ContainerID string `json:"containerID,omitempty"`
}

// Record is the judgement of one death. Exactly one of Cause (a memory killer) and Reason (no kill) is set.
type Record struct {
	Key
	Namespace string    `json:"namespace"`
	Pod       string    `json:"pod"`
	Node      string    `json:"node,omitempty"`
	Workload  string    `json:"workload,omitempty"` // kind/name, empty for a bare pod
	Time      time.Time `json:"time"`
	// ExitCode as the container's status says it; nil where the status has none, or an invented one.
	ExitCode *int32 `json:"exitCode,omitempty"`
	// Trace is the status's own word for the death: OOMKilled, Error, Evicted ...
	Trace      string     `json:"trace,omitempty"`
	Cause      Cause      `json:"cause,omitempty"`
	Reason     Reason     `json:"reason,omitempty"`
	Confidence Confidence `json:"confidence"`
	// Message is the judgement in one line of at most 160 characters.
	Message  string     `json:"message"`
	Evidence []Evidence `json:"evidence,omitempty"`
	// Eviction has the figures of an eviction for memory, nil for any other death.
	Eviction *EvictionFigures `json:"eviction,omitempty"`
	// Limit is the memory limit that was reached, in bytes, with the causes ContainerLimit and PodLimit; else 0.
	Limit int64 `json:"limit,omitempty"`
	// Tmpfs names the pod's memory-backed volumes: their files count against the limit and survive a restart of the container.
	Tmpfs []string `json:"tmpfs,omitempty"`
	// Missed counts earlier deaths of the container that nothing shows any more.
	Missed int32 `json:"missed,omitempty"`
}

// Killed reports whether a memory killer ended it.
func (r *Record) Killed() bool { return r.Cause != "" }

// EvictionFigures are what the kubelet wrote about an eviction for memory.
type EvictionFigures struct {
	// Threshold and Available in bytes; 0 if the message had none.
	Threshold int64 `json:"threshold,omitempty"`
	Available int64 `json:"available,omitempty"`
	// Signal is memory.available or allocatableMemory.available; empty if that cannot be told.
	Signal string `json:"signal,omitempty"`
	// Soft and Hard: the threshold is that of the configuration; both false if that cannot be told.
	Soft bool `json:"soft,omitempty"`
	Hard bool `json:"hard,omitempty"`
	// Usage of the containers that the kubelet named as over their request, in bytes.
	Usage map[string]int64 `json:"usage,omitempty"`
}

// improves reports whether the latest judgement of a death is better than an old one: the status has since learned of an OOM
// kill (Error became OOMKilled), the confidence is higher, or, at the same confidence, more evidence speaks for it.
func improves(old, latest *Record) bool {
	switch {
	case oomWord(latest.Trace) != oomWord(old.Trace):
		return oomWord(latest.Trace)
	case latest.Confidence != old.Confidence:
		return latest.Confidence > old.Confidence
	}
	return supporting(latest.Evidence) > supporting(old.Evidence)
}

func supporting(evidence []Evidence) (n int) {
	for i := range evidence {
		if !evidence[i].Against {
			n++
		}
	}
	return n
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.Container, b.Container), cmp.Compare(a.ContainerID, b.ContainerID))
}
