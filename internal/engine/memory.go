package engine

import (
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// ThresholdSource says how the hard eviction threshold is known.
type ThresholdSource uint8

// How the threshold is known. NoThreshold: there is none, hard or soft, and nobody is evicted.
const (
	AssumedThreshold ThresholdSource = iota
	InferredThreshold
	KubeletThreshold
	NoThreshold
)

// Memory is the node's memory as its killers see it, in bytes; facts.Unknown where there is no reading.
type Memory struct {
	// Available is the kubelet's memory.available.
	Available int64
	// Requested is the sum of the pods' effective requests.
	Requested int64
	// NonPod is the node's working set less that of all pods: daemons, the kernel, page cache. Unknown unless every
	// running pod has a reading, or kubepods has one.
	NonPod int64
	// Threshold is the hard eviction threshold of memory.available, 0 if there is none. That of
	// allocatableMemory.available is the same setting; a percentage is then one of the kubepods limit.
	Threshold       int64
	ThresholdSource ThresholdSource
	// SoftThreshold is that of memory.available, 0 if none is set. The kubelet makes none of allocatableMemory.available
	// of it (addAllocatableThresholds in pkg/kubelet/eviction/helpers.go, v1.37.2).
	SoftThreshold int64
	// MinReclaim is what eviction frees beyond the threshold once that was crossed; 0 if none is set.
	MinReclaim int64
	// Headroom is what is left until the nearest threshold: the first that raises MemoryPressure, hard or soft, of either
	// signal. HeadroomKnown: there is such a figure. NearThreshold is that threshold, EvictionLimit the amount that its
	// signal is a part of.
	Headroom                     int64
	HeadroomKnown                bool
	NearThreshold, EvictionLimit int64
	// EvictionOfPods: the nearest threshold is one of allocatableMemory.available. EvictionSoft: it is the soft one.
	EvictionOfPods, EvictionSoft bool
	// HardHeadroom is what is left until the nearest hard threshold.
	HardHeadroom      int64
	HardHeadroomKnown bool
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

// SoftOnly reports whether the kubelet evicts by a soft threshold only.
func (m *Memory) SoftOnly() bool { return m.Threshold == 0 && m.SoftThreshold > 0 }

// SoftCrossed reports whether less is available than the soft threshold asks for: the kubelet reports MemoryPressure, and
// evicts when that has lasted for the grace period.
func (m *Memory) SoftCrossed() bool {
	return m.SoftThreshold > 0 && m.Available != facts.Unknown && m.Available < m.SoftThreshold
}

// Left is what readings leave of a node's memory, in bytes.
type Left struct {
	// Available is memory.available, Pods what is left of the kubepods cgroup's limit. Pods counts only where that limit
	// and its usage are known or inferred.
	Available, Pods int64
	// EvictionBias and OOMBias are by how much nearer kubepods counts as the eviction signal, and as the scope of an OOM.
	// They are 0 in what is exact.
	EvictionBias, OOMBias int64
}

// Left returns what the readings leave.
func (m *Memory) Left(n *facts.Node) Left {
	l := Left{Available: m.Available}
	if pods, ok := m.PodsSignal(n); ok {
		l.Pods = pods.Limit - pods.Used
	}
	return l
}

// With returns m with so much memory left, and what follows from it.
func (m Memory) With(n *facts.Node, l Left) Memory {
	m.Available = l.Available
	known := l.Available != facts.Unknown
	m.EvictionOfPods, m.EvictionSoft, m.OOMOfPods = false, false, false
	m.EvictionLimit, m.OOMLimit = signalCapacity(n), m.Total
	m.HardHeadroomKnown, m.HeadroomKnown = known && m.Threshold > 0, known && m.ThresholdSource != NoThreshold
	m.HardHeadroom, m.NearThreshold = l.Available-m.Threshold, m.Threshold
	m.OOMHeadroomKnown, m.OOMHeadroom = known, usable(n, l.Available)
	bias := int64(0)
	if pods, ok := m.PodsSignal(n); ok {
		if headroom := l.Pods - pods.Threshold; m.HardHeadroomKnown && headroom-l.EvictionBias < m.HardHeadroom {
			m.EvictionOfPods, m.EvictionLimit, m.NearThreshold = true, pods.Limit, pods.Threshold
			m.HardHeadroom, bias = headroom, l.EvictionBias
		}
		if known && l.Pods-l.OOMBias < m.OOMHeadroom {
			m.OOMOfPods, m.OOMLimit, m.OOMHeadroom = true, pods.Limit+n.Usage.SwapCapacity, l.Pods
		}
	}
	m.Headroom = m.HardHeadroom
	soft := l.Available - m.SoftThreshold
	if known && m.SoftThreshold > 0 && (!m.HardHeadroomKnown || soft < m.HardHeadroom-bias) {
		m.EvictionOfPods, m.EvictionSoft, m.EvictionLimit = false, true, signalCapacity(n)
		m.Headroom, m.NearThreshold = soft, m.SoftThreshold
	}
	return m
}

// Signal is one of the kubelet's eviction signals, in bytes: eviction begins when less than Threshold is left of
// Limit. With a Limit of 0 it is not known, or evicts nobody.
type Signal struct{ Used, Limit, Threshold int64 }

// Signals returns memory.available with the higher of its thresholds, hard or soft, and allocatableMemory.available.
func (m *Memory) Signals(n *facts.Node) (node, pods Signal) {
	if !m.HeadroomKnown {
		return node, pods
	}
	node.Limit, node.Threshold = signalCapacity(n), max(m.Threshold, m.SoftThreshold)
	node.Used = max(node.Limit-m.Available, 0)
	if m.HardHeadroomKnown {
		pods, _ = m.PodsSignal(n)
	}
	return node, pods
}

// OOMScope is something that the kernel kills for when nothing is left of it, in bytes.
type OOMScope struct {
	// OfPods: the limit of kubepods; else the node's own memory.
	OfPods bool
	// Limit is the scale of badness, Left what is left. Left is below 0 where more is used than the limit allows.
	Limit, Left int64
}

// OOMScopes returns the scopes whose rest is known: the node first, then kubepods. That of them with less left now is the one
// that OOMOfPods tells; where both grow at different speeds, the other one may be full first.
func (m *Memory) OOMScopes(n *facts.Node) (scopes []OOMScope) {
	if m.Available == facts.Unknown {
		return nil
	}
	scopes = append(scopes, OOMScope{Limit: m.Total, Left: usable(n, m.Available)})
	if pods, ok := m.PodsSignal(n); ok {
		scopes = append(scopes, OOMScope{OfPods: true, Limit: pods.Limit + n.Usage.SwapCapacity, Left: pods.Limit - pods.Used})
	}
	return scopes
}

// Used is what is used of the node, as memory.available has it, and of kubepods, in bytes; facts.Unknown where that is not known.
// Both are there too where nobody is evicted.
func (m *Memory) Used(n *facts.Node) (node, pods int64) {
	node, pods = facts.Unknown, facts.Unknown
	if m.Available != facts.Unknown {
		node = max(signalCapacity(n)-m.Available, 0)
	}
	if s, ok := m.PodsSignal(n); ok {
		pods = s.Used
	}
	return node, pods
}

func memoryOf(n *facts.Node, assumed facts.Threshold) Memory {
	m := Memory{Total: n.Capacity + n.Usage.SwapCapacity, NonPod: nonPod(n)}
	for i := range n.Pods {
		m.Requested += n.Pods[i].Request
	}
	m.Threshold, m.ThresholdSource = hardThreshold(n, assumed)
	if n.Config != nil && !n.Virtual {
		m.SoftThreshold, _ = n.Config.EvictionSoft.Of(signalCapacity(n))
		m.MinReclaim, _ = n.Config.MinReclaim.Of(signalCapacity(n))
	}
	if m.SoftOnly() {
		m.ThresholdSource = KubeletThreshold
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

// nonPod is the node's working set less that of all its pods, in bytes; facts.Unknown if a reading is missing.
func nonPod(n *facts.Node) int64 {
	if n.Usage.WorkingSet == facts.Unknown {
		return facts.Unknown
	}
	pods := n.Usage.PodsWorkingSet
	if pods == facts.Unknown {
		sum, complete := sumOfPods(n)
		if !complete {
			return facts.Unknown
		}
		pods = sum
	}
	return max(n.Usage.WorkingSet-pods, 0)
}

// sumOfPods is what the pods use by their readings, in bytes, and whether every running pod has a reading.
func sumOfPods(n *facts.Node) (sum int64, complete bool) {
	complete = true
	for i := range n.Pods {
		p := &n.Pods[i]
		switch {
		case p.WorkingSet != facts.Unknown:
			sum += p.WorkingSet
		case p.AnyRunning():
			complete = false
		}
	}
	return sum, complete
}

// signalCapacity is the amount that memory.available is a part of, and that a percentage means: all memory, from
// Kubernetes 1.37 on less huge pages (HugepageAwareEviction); on Windows the commit limit, where the kubelet tells it
// (pkg/kubelet/eviction/helpers_windows.go of v1.37.2).
func signalCapacity(n *facts.Node) int64 {
	if !n.Linux && n.Usage.CommitLimit > 0 {
		return n.Usage.CommitLimit
	}
	if n.Follows(facts.HugepageAwareEviction) {
		return pageable(n)
	}
	return n.Capacity
}

// usable is what the kernel can still hand out of what the kubelet calls available: not huge pages, which
// kubelets before 1.37 count as available.
func usable(n *facts.Node, available int64) int64 {
	return max(available-(signalCapacity(n)-pageable(n)), 0)
}

// pageable is the node's memory less what is set aside for huge pages.
func pageable(n *facts.Node) int64 { return max(n.Capacity-n.Hugepages, 0) }
