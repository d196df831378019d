package extract

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
)

// Node returns the facts of a node, without usage and pods.
func Node(n *corev1.Node) facts.Node {
	f := facts.Node{
		Name:           n.Name,
		UID:            string(n.UID),
		Capacity:       memory(n.Status.Capacity),
		Allocatable:    memory(n.Status.Allocatable),
		Hugepages:      hugepages(n.Status.Capacity),
		Minor:          facts.Minor(n.Status.NodeInfo.KubeletVersion),
		SandboxStats:   strings.HasPrefix(n.Status.NodeInfo.ContainerRuntimeVersion, "cri-o://"),
		MemoryPressure: facts.StateUnknown,
		Usage:          noNodeUsage,
	}
	f.Ignores = ignores(n.Annotations)
	platform(&f, n)
	if s := n.Status.NodeInfo.Swap; s != nil && s.Capacity != nil {
		f.Usage.SwapCapacity = min(max(*s.Capacity, 0), facts.MaxBytes)
	}
	for i := range n.Status.Conditions {
		if c := &n.Status.Conditions[i]; c.Type == corev1.NodeMemoryPressure {
			f.MemoryPressure, f.PressureSince = tristate(c.Status), c.LastTransitionTime.Time
		}
	}
	return f
}

var noNodeUsage = facts.NodeUsage{WorkingSet: facts.Unknown, PodsWorkingSet: facts.Unknown, Available: facts.Unknown}

func tristate(s corev1.ConditionStatus) facts.Tristate {
	switch s {
	case corev1.ConditionTrue:
		return facts.StateTrue
	case corev1.ConditionFalse:
		return facts.StateFalse
	}
	return facts.StateUnknown
}

func hugepages(capacity corev1.ResourceList) (bytes int64) {
	for name, q := range capacity {
		if strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) {
			bytes += Bytes(q)
		}
	}
	return min(bytes, facts.MaxBytes)
}
