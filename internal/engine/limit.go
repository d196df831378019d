package engine

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// AtLimit is a container, or a pod with a limit of its own, and how much of its memory limit it uses.
type AtLimit struct {
	*facts.PodState
	// Container is its index in Containers, PodLevel for the pod's own limit.
	Container int
	// Usage is the working set, Limit the limit, in bytes.
	Usage, Limit int64
	// TimeToLimit is package forecast's estimate; 0 if there is no meaningful one, and before.
	TimeToLimit time.Duration
}

// PodLevel stands for the pod-level limit where a container index is expected.
const PodLevel = -1

// ContainerName of the container, "" for the pod-level limit.
func (a *AtLimit) ContainerName() string {
	if a.Container == PodLevel {
		return ""
	}
	return a.Containers[a.Container].Name
}

// ContainerKey names the container, or the pod for the pod-level limit.
func (a *AtLimit) ContainerKey() facts.ContainerKey {
	return facts.ContainerKey{Namespace: a.Namespace, Pod: a.Name, Container: a.ContainerName()}
}

// Percent of the limit in use, rounded down.
func (a *AtLimit) Percent() int { return int(a.Usage * 100 / a.Limit) }

// Headroom until the limit, in bytes; negative readings of more than the limit count as 0.
func (a *AtLimit) Headroom() int64 { return max(a.Limit-a.Usage, 0) }

// Resident is what of the usage the kernel cannot reclaim when the limit is reached, in bytes: all of it, unless the
// anonymous memory is known and the container has no memory-backed volume, whose files stay too. The rest is page cache.
func (a *AtLimit) Resident() int64 {
	if a.Container == PodLevel || a.PodState.Usage == nil || a.Containers[a.Container].Tmpfs > 0 {
		return a.Usage
	}
	u := a.PodState.Usage[a.Container]
	if u.RSS == facts.Unknown {
		return a.Usage
	}
	return min(u.RSS, a.Usage)
}

// Near reports whether so much of the limit is in use, in percent, that its own kill is a near one. Page cache does not
// count: the kernel reclaims page cache before it kills.
func (a *AtLimit) Near(percent int) bool {
	return a.Percent() >= percent && a.Resident()*100/a.Limit >= int64(percent)
}

// LimitOrder returns what is nearest to its limit, first to last: every running container with a limit and a
// reading, and every pod with a pod-level limit.
func LimitOrder(n *facts.Node) []AtLimit {
	order := make([]AtLimit, 0, 2*len(n.Pods))
	for i := range n.Pods {
		p := &n.Pods[i]
		if p.Limit > 0 && p.WorkingSet != facts.Unknown {
			order = append(order, AtLimit{PodState: p, Container: PodLevel, Usage: p.WorkingSet, Limit: p.Limit})
		}
		for c := range p.Usage {
			if ws := p.Usage[c].WorkingSet; ws != facts.Unknown && p.Containers[c].Running && p.Containers[c].Limit > 0 {
				order = append(order, AtLimit{PodState: p, Container: c, Usage: ws, Limit: p.Containers[c].Limit})
			}
		}
	}
	slices.SortFunc(order, func(a, b AtLimit) int {
		if c := compareShare(&a, &b); c != 0 {
			return c
		}
		if c := facts.CompareNames(a.Pod, b.Pod); c != 0 {
			return c
		}
		return cmp.Compare(a.Container, b.Container)
	})
	return order
}

// compareShare orders by larger share of the limit first: a.Usage/a.Limit against b's, multiplied out in 128
// bits, since two shares that differ must not compare equal.
func compareShare(a, b *AtLimit) int {
	ah, al := bits.Mul64(uint64(a.Usage), uint64(b.Limit))
	bh, bl := bits.Mul64(uint64(b.Usage), uint64(a.Limit))
	return cmp.Or(cmp.Compare(bh, ah), cmp.Compare(bl, al))
}
