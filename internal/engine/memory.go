package engine

import (
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// ThresholdSource says how the hard eviction threshold is known.
type ThresholdSource uint8

// How the threshold is known. NoThreshold: there is none, and nobody is evicted.
const (
	AssumedThreshold ThresholdSource = iota
	InferredThreshold
	KubeletThreshold
	NoThreshold
)

// defaultEvictionHard is the kubelet's default hard memory.available threshold, 100Mi
// (pkg/kubelet/eviction/defaults_linux.go, v1.37.2).
const defaultEvictionHard = 100 << 20

// hugepageAwareMinor is the first minor version whose kubelet takes huge pages off memory.available.
const hugepageAwareMinor = 37

// Memory is the node's memory as its killers see it, in bytes; facts.Unknown where there is no reading.
type Memory struct {
	// Available is the kubelet's memory.available.
	Available int64
	// Requested is the sum of the pods' effective requests.
	Requested int64
	// Threshold is the hard eviction threshold of memory.available. That of allocatableMemory.available is the
	// same setting; a percentage is then one of the kubepods limit.
	Threshold       int64
	ThresholdSource ThresholdSource
	// SoftOnly: there is no hard threshold, and Threshold is the soft one, which the kubelet heeds all the same. It
	// makes none of allocatableMemory.available of it (addAllocatableThresholds in pkg/kubelet/eviction/helpers.go,
	// v1.37.2).
	SoftOnly bool
	// SoftThreshold is 0 if none is set.
	SoftThreshold int64
	// MinReclaim is what eviction frees beyond Threshold once that was crossed; 0 if none is set.
	MinReclaim int64
	// EvictionOfPods: allocatableMemory.available is nearer to the threshold than memory.available.
	EvictionOfPods bool
	// Headroom is the nearer signal's available less Threshold, HeadroomKnown whether there is such a figure.
	Headroom      int64
	HeadroomKnown bool
	// EvictionLimit is the amount that signal is a part of.
	EvictionLimit int64
	// OOMOfPods: the kubepods limit is hit before the node runs out.
	OOMOfPods bool
	// OOMLimit is the kernel's totalpages in that scope: its limit and what it may swap, which is all of the node's
	// swap for kubepods too (mem_cgroup_get_max in mm/memcontrol.c; the kubelet limits swap by container only).
	// OOMHeadroom is what is left of the limit.
	OOMLimit, OOMHeadroom int64
	OOMHeadroomKnown      bool
	// TimeToThreshold is package forecast's estimate of when the first eviction signal crosses its threshold; 0 if it
	// has, if there is no meaningful estimate, and before.
	TimeToThreshold time.Duration
	// Total is RAM and swap of the node, the scale of /proc/PID/oom_score.
	Total int64
}

// Left is what readings leave of a node's memory, in bytes.
type Left struct {
	// Available is memory.available, Pods what is left of the kubepods cgroup's limit. Pods counts only where that limit
	// and its usage are known.
	Available, Pods int64
	// EvictionBias and OOMBias are by how much nearer kubepods counts as the eviction signal, and as the scope of an OOM.
	// They are 0 in what is exact.
	EvictionBias, OOMBias int64
}

// Left returns what the readings leave.
func (m *Memory) Left(n *facts.Node) Left {
	l := Left{Available: m.Available}
	if pods, ok := podsSignal(n); ok {
		l.Pods = pods.Limit - pods.Used
	}
	return l
}

// With returns m with so much memory left, and what follows from it.
func (m Memory) With(n *facts.Node, l Left) Memory {
	m.Available = l.Available
	known := l.Available != facts.Unknown
	m.EvictionOfPods, m.OOMOfPods = false, false
	m.EvictionLimit, m.OOMLimit = signalCapacity(n), m.Total
	m.HeadroomKnown, m.OOMHeadroomKnown = known && m.ThresholdSource != NoThreshold, known
	m.Headroom, m.OOMHeadroom = l.Available-m.Threshold, usable(n, l.Available)
	pods, ok := podsSignal(n)
	if !ok {
		return m
	}
	if headroom := l.Pods - pods.Threshold; m.HeadroomKnown && !m.SoftOnly && headroom-l.EvictionBias < m.Headroom {
		m.EvictionOfPods, m.EvictionLimit, m.Headroom = true, pods.Limit, headroom
	}
	if known && l.Pods-l.OOMBias < m.OOMHeadroom {
		m.OOMOfPods, m.OOMLimit, m.OOMHeadroom = true, pods.Limit+n.Usage.SwapCapacity, l.Pods
	}
	return m
}

// Signal is one of the kubelet's eviction signals, in bytes: eviction begins when less than Threshold is left of
// Limit. With a Limit of 0 it is not known, or evicts nobody.
type Signal struct{ Used, Limit, Threshold int64 }

// Signals returns memory.available and allocatableMemory.available.
func (m *Memory) Signals(n *facts.Node) (node, pods Signal) {
	if !m.HeadroomKnown {
		return node, pods
	}
	node.Limit, node.Threshold = signalCapacity(n), m.Threshold
	node.Used = max(node.Limit-m.Available, 0)
	if !m.SoftOnly {
		pods, _ = podsSignal(n)
	}
	return node, pods
}

// usable is what the kernel can still hand out of what the kubelet calls available: not huge pages, which
// kubelets before 1.37 count as available.
func usable(n *facts.Node, available int64) int64 {
	return max(available-(signalCapacity(n)-pageable(n)), 0)
}

// podsSignal is allocatableMemory.available: of the kubepods cgroup's limit, and a percentage is one of that. It is
// not there where the limit is not enforced or there is no reading.
func podsSignal(n *facts.Node) (s Signal, ok bool) {
	c := n.Config
	if c == nil || !c.PodsEnforced || n.Usage.PodsWorkingSet == facts.Unknown {
		return Signal{}, false
	}
	s.Used, s.Limit = n.Usage.PodsWorkingSet, max(n.Capacity-c.KubeReserved-c.SystemReserved, 0)
	s.Threshold, _ = c.EvictionHard.Of(s.Limit)
	return s, true
}

func memoryOf(n *facts.Node, assumed facts.Threshold) Memory {
	m := Memory{Total: n.Capacity + n.Usage.SwapCapacity}
	for i := range n.Pods {
		m.Requested += n.Pods[i].Request
	}
	m.Threshold, m.ThresholdSource = hardThreshold(n, assumed)
	if n.Config != nil {
		m.SoftThreshold, _ = n.Config.EvictionSoft.Of(signalCapacity(n))
		m.MinReclaim, _ = n.Config.MinReclaim.Of(signalCapacity(n))
	}
	if m.ThresholdSource == NoThreshold && m.SoftThreshold > 0 {
		m.SoftOnly, m.Threshold, m.ThresholdSource = true, m.SoftThreshold, KubeletThreshold
	}
	m.Available = available(n)
	return m.With(n, m.Left(n))
}

// available is memory.available: its capacity less the node's working set (pkg/kubelet/server/stats/summary.go).
func available(n *facts.Node) int64 {
	u := n.Usage
	if u.Available != facts.Unknown {
		return u.Available
	}
	if u.WorkingSet == facts.Unknown || n.Capacity <= 0 {
		return facts.Unknown
	}
	return max(signalCapacity(n)-u.WorkingSet, 0)
}

// signalCapacity is the amount that memory.available is a part of, and that a percentage means: all memory, from
// Kubernetes 1.37 on less huge pages (HugepageAwareEviction).
func signalCapacity(n *facts.Node) int64 {
	if n.Minor >= hugepageAwareMinor {
		return pageable(n)
	}
	return n.Capacity
}

// pageable is the node's memory less what is set aside for huge pages.
func pageable(n *facts.Node) int64 { return max(n.Capacity-n.Hugepages, 0) }

// hardThreshold is read from the kubelet's configuration, else inferred from what allocatable leaves out
// (capacity - kubeReserved - systemReserved - hard threshold - huge pages), else assumed.
func hardThreshold(n *facts.Node, assumed facts.Threshold) (int64, ThresholdSource) {
	if n.Config != nil {
		return sourced(n.Config.EvictionHard, signalCapacity(n), KubeletThreshold)
	}
	left := n.Capacity - n.Hugepages - n.Allocatable
	switch {
	case n.Capacity <= 0 || n.Allocatable <= 0 || left < 0:
		return sourced(assumed, signalCapacity(n), AssumedThreshold)
	case left == 0:
		return 0, NoThreshold
	case left == defaultEvictionHard:
		return left, InferredThreshold
	}
	t, source := sourced(assumed, signalCapacity(n), AssumedThreshold)
	return min(t, left), source // it cannot be more than everything left out
}

func sourced(t facts.Threshold, capacity int64, source ThresholdSource) (int64, ThresholdSource) {
	if bytes, set := t.Of(capacity); set && bytes > 0 {
		return bytes, source
	}
	return 0, NoThreshold
}
