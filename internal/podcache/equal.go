package podcache

import (
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// Equal reports whether two pods are the same in every fact.
func Equal(a, b *facts.Pod) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil {
		return false
	}
	return sameIdentity(a, b) && sameStanding(a, b) &&
		a.Request == b.Request && a.Limit == b.Limit && a.AdjShare == b.AdjShare &&
		slices.EqualFunc(a.Containers, b.Containers, equalContainer) && equalRare(a.Rare, b.Rare)
}

func equalRare(a, b *facts.Rare) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Resize == b.Resize && slices.Equal(a.Odd, b.Odd) && slices.Equal(a.Ignores, b.Ignores)
}

func sameIdentity(a, b *facts.Pod) bool {
	return a.Namespace == b.Namespace && a.Name == b.Name && a.UID == b.UID && a.Node == b.Node &&
		a.Workload == b.Workload && slices.Equal(a.Labels, b.Labels)
}

// sameStanding compares what decides how killers treat the pod, whatever it uses.
func sameStanding(a, b *facts.Pod) bool {
	return a.Priority == b.Priority && a.QOS == b.QOS && a.Exempt == b.Exempt && a.NodeCritical == b.NodeCritical &&
		a.Terminating == b.Terminating && a.SandboxReady == b.SandboxReady
}

func equalContainer(a, b facts.Container) bool {
	return a.Name == b.Name && a.Kind == b.Kind && a.Running == b.Running && a.Request == b.Request &&
		a.Limit == b.Limit && a.CPURequest == b.CPURequest && a.CPULimit == b.CPULimit &&
		a.Started == b.Started && a.Tmpfs == b.Tmpfs && Equal(a.AtStart, b.AtStart)
}
