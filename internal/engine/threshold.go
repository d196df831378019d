package engine

import "github.com/killorder/killorder/internal/facts"

// hardThreshold is read from the kubelet's configuration, else inferred from what allocatable leaves out
// (capacity - kubeReserved - systemReserved - hard threshold - huge pages), else none where the distribution is known to
// set none, else assumed.
func hardThreshold(n *facts.Node, assumed facts.Threshold) (int64, ThresholdSource) {
	left, known := leftOut(n)
	switch {
	case n.Virtual:
		return 0, NoThreshold
	case n.Config != nil:
		return sourced(n.Config.EvictionHard, signalCapacity(n), KubeletThreshold)
	case n.DroppedBy != "":
		return 0, NoThreshold
	case !known || left < 0:
		return sourced(forSystem(n, assumed), signalCapacity(n), AssumedThreshold)
	case left == 0:
		return 0, NoThreshold
	case left == n.DefaultEvictionHard:
		return left, InferredThreshold
	}
	t, source := sourced(forSystem(n, assumed), signalCapacity(n), AssumedThreshold)
	return min(t, left), source // it cannot be more than everything left out
}

// leftOut is what allocatable leaves out of the node's memory beside huge pages, in bytes: reservations and the hard
// threshold. It is known where the node says what is allocatable.
func leftOut(n *facts.Node) (bytes int64, known bool) {
	return n.Capacity - n.Hugepages - n.Allocatable, n.Capacity > 0 && n.Allocatable > 0
}

// forSystem is the threshold to assume: the policy's, but where that is the default of Linux, the default of the node's
// operating system.
func forSystem(n *facts.Node, assumed facts.Threshold) facts.Threshold {
	if assumed == (facts.Threshold{Set: true, Bytes: facts.LinuxEvictionHard}) && n.DefaultEvictionHard > 0 {
		assumed.Bytes = n.DefaultEvictionHard
	}
	return assumed
}

func sourced(t facts.Threshold, capacity int64, source ThresholdSource) (int64, ThresholdSource) {
	if bytes, set := t.Of(capacity); set && bytes > 0 {
		return bytes, source
	}
	return 0, NoThreshold
}

// PodsSignal is allocatableMemory.available: of the kubepods cgroup's limit, which is capacity less reservations
// (getNodeAllocatableAbsoluteImpl in pkg/kubelet/cm of Kubernetes v1.37.2), and a percentage is one of that limit. It is
// not there where the limit is not enforced or there is no reading.
func (m *Memory) PodsSignal(n *facts.Node) (s Signal, ok bool) {
	c := n.Config
	if c == nil {
		return m.inferredPodsSignal(n)
	}
	if !c.PodsEnforced || n.Usage.PodsWorkingSet == facts.Unknown {
		return Signal{}, false
	}
	s.Used, s.Limit = n.Usage.PodsWorkingSet, max(n.Capacity-c.KubeReserved-c.SystemReserved, 0)
	s.Threshold, _ = c.EvictionHard.Of(s.Limit)
	return s, true
}

// inferredPodsSignal is what the node's allocatable says of the limit of kubepods where the kubelet's configuration is
// not known: the limit is enforced by default, and is allocatable, the threshold and huge pages together. Without the
// kubelet's reading of kubepods, the pods' readings are added up; a pod without one counts as 0, so that less may be left
// than it seems, never more. Where nothing is reserved, the node runs out first, and nothing is inferred.
func (m *Memory) inferredPodsSignal(n *facts.Node) (s Signal, ok bool) {
	left, known := leftOut(n)
	reserved := left - m.Threshold
	if !n.Linux || !known || reserved <= 0 {
		return Signal{}, false
	}
	s.Used, s.Limit, s.Threshold = n.Usage.PodsWorkingSet, n.Capacity-reserved, m.Threshold
	if s.Used == facts.Unknown {
		s.Used, _ = sumOfPods(n)
		if all := n.Usage.WorkingSet; all != facts.Unknown {
			s.Used = min(s.Used, all) // pods do not use more than their node
		}
	}
	return s, s.Used > 0
}

// Reserved is what is set aside for everything but pods, in bytes: by the kubelet's configuration, else what allocatable
// leaves out beside the threshold. It is known where one of them is.
func (m *Memory) Reserved(n *facts.Node) (bytes int64, known bool) {
	if c := n.Config; c != nil {
		return c.KubeReserved + c.SystemReserved, true
	}
	left, known := leftOut(n)
	return max(left-m.Threshold, 0), known
}
