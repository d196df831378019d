package forensics

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
)

// Surroundings are what is known beside the object that shows a death. Everything is optional; what is not known
// speaks neither for nor against anything.
type Surroundings struct {
	Node Node `json:"node"`
	// PodEvents regard the victim's pod, NodeEvents its node; others are passed over. Their order does not matter.
	PodEvents  []Event `json:"podEvents,omitempty"`
	NodeEvents []Event `json:"nodeEvents,omitempty"`
	// EventsSince: from then on all Events of pod and node are known, so that a missing one says something. Zero: not.
	EventsSince time.Time `json:"eventsSince,omitzero"`
	// Neighbours are deaths on the same node; the death itself may be among them.
	Neighbours []Death `json:"neighbours,omitempty"`
	// Workload is kind/name of what controls the pod; empty for a bare pod.
	Workload string `json:"workload,omitempty"`
	// Readings are the last before the death, nil if there are none.
	Readings *Readings `json:"readings,omitempty"`
	// Adj is the oom_score_adj that the container should have had (engine/oom), nil if unknown.
	Adj *int `json:"adj,omitempty"`
	// Kernel has the kernel's own messages, where somebody has read them.
	Kernel []KernelKill `json:"kernel,omitempty"`

	// node has Neighbours and NodeEvents arranged once for all deaths of a node; nil: they are arranged for each.
	node *arrangement
}

// arrangement is what the deaths of one node have in common.
type arrangement struct {
	kills  []*Death // see arrangedKills
	events []Event  // of the node, see arranged
}

// arrange what the Surroundings have.
func (s *Surroundings) arrange() *arrangement {
	if s.node != nil {
		return s.node
	}
	deaths := make([]*Death, len(s.Neighbours))
	for i := range s.Neighbours {
		deaths[i] = &s.Neighbours[i]
	}
	return &arrangement{arrangedKills(deaths), arranged(s.NodeEvents)}
}

// Node is what matters of a node.
type Node struct {
	Name string `json:"name"`
	// Capacity and Allocatable memory in bytes, 0 if unknown.
	Capacity    int64 `json:"capacity,omitempty"`
	Allocatable int64 `json:"allocatable,omitempty"`
	// Talos has an OOM controller of its own.
	Talos bool `json:"talos,omitempty"`
	// CgroupV1 by the Event of that name; kubelets from 1.35 on refuse v1 unless configured otherwise.
	CgroupV1 facts.Tristate `json:"cgroupV1,omitempty"`
	// Config is the kubelet's configuration, nil if unknown.
	Config *facts.KubeletConfig `json:"-"`
}

// Readings are the last known before a death: working sets in bytes, facts.Unknown where there is none.
type Readings struct {
	At time.Time `json:"at"`
	// Container and Pod of the victim; RSS is the container's anonymous memory.
	Container int64 `json:"container"`
	RSS       int64 `json:"rss"`
	Pod       int64 `json:"pod"`
	// Pods is the kubepods cgroup, Node the root cgroup. Available is the kubelet's memory.available.
	Pods      int64 `json:"pods"`
	Node      int64 `json:"node"`
	Available int64 `json:"available"`
}

// NoReadings knows nothing: begin with a copy, since 0 is a reading.
var NoReadings = Readings{
	Container: facts.Unknown, RSS: facts.Unknown, Pod: facts.Unknown, Pods: facts.Unknown, Node: facts.Unknown, Available: facts.Unknown,
}

// NodeOf makes a Node of the object. Events may hold the node's CgroupV1, config may be nil.
func NodeOf(n *corev1.Node, events []Event, config *facts.KubeletConfig) Node {
	out := Node{
		Name:        cut(n.Name),
		Capacity:    bounded(n.Status.Capacity.Memory().Value()),
		Allocatable: bounded(n.Status.Allocatable.Memory().Value()),
		Talos:       strings.Contains(n.Status.NodeInfo.OSImage, "Talos"),
		Config:      config,
	}
	if minor := facts.Minor(n.Status.NodeInfo.KubeletVersion); minor >= 35 {
		out.CgroupV1 = facts.StateFalse
	}
	for i := range events {
		if e := &events[i]; e.Reason == "CgroupV1" && e.Kind == "Node" && e.Name == n.Name {
			out.CgroupV1 = facts.StateTrue
		}
	}
	return out
}

// podsLimit is the limit of the kubepods cgroup in bytes, which is capacity less what is reserved. Limited is false
// if the pods may use all of the node, and known is false if neither can be told.
func (n *Node) podsLimit() (bytes int64, limited, known bool) {
	switch {
	case n.Capacity <= 0:
		return 0, false, false
	case n.Config != nil:
		reserved := n.Config.KubeReserved + n.Config.SystemReserved
		return n.Capacity - reserved, n.Config.PodsEnforced && reserved > 0, true
	case n.Allocatable <= 0:
		return 0, false, false
	}
	// Without the configuration: the node's allocatable lacks the hard threshold too, 100Mi by default. More than
	// that is a reservation; the limit lies between allocatable and allocatable + 100Mi.
	const threshold = facts.LinuxEvictionHard
	missing := n.Capacity - n.Allocatable
	return n.Allocatable + min(missing, threshold), missing > threshold, missing >= threshold || missing == 0
}

// known reports whether all of a kind are known around t, where since is from when on they are.
func known(since, t time.Time) bool { return !since.IsZero() && !t.IsZero() && !t.Before(since) }
