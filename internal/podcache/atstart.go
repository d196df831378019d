package podcache

import (
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// carryAtStart notes in p, the new facts of a pod, what its containers were started with where that is no longer
// what p says: an in-place resize changes requests, but not the oom_score_adj that the kubelet has written. Only
// who watched the resize knows. Old are the facts until now, nil if there are none.
func carryAtStart(old, p *facts.Pod) {
	if old == nil || old.UID != p.UID {
		return
	}
	for i := range min(len(p.Containers), len(old.Containers)) {
		c, before := &p.Containers[i], &old.Containers[i]
		if c.Started == 0 || c.Started != before.Started || c.Name != before.Name {
			continue
		}
		then := before.AtStart
		if then == nil {
			then = old
		}
		if !sameScore(then, p, i) {
			c.AtStart = withoutAtStart(then)
		}
	}
}

// sameScore reports whether container i of both has the same oom_score_adj on any node: everything that goes
// into it is equal.
func sameScore(a, b *facts.Pod, i int) bool {
	if a.QOS != b.QOS || a.NodeCritical != b.NodeCritical || a.AdjShare != b.AdjShare ||
		a.Containers[i].Request != b.Containers[i].Request {
		return false
	}
	// A sidecar takes the score of the regular container with the smallest request, if that is lower.
	return a.Containers[i].Kind != facts.Sidecar || slices.Equal(regularRequests(a), regularRequests(b))
}

func regularRequests(p *facts.Pod) (requests []int64) {
	for i := range p.Containers {
		if p.Containers[i].Kind == facts.Regular {
			requests = append(requests, p.Containers[i].Request)
		}
	}
	return requests
}

// withoutAtStart returns the pod, or a copy of it, that remembers nothing earlier itself: what no one asks for
// would otherwise be kept, resize after resize.
func withoutAtStart(p *facts.Pod) *facts.Pod {
	if !slices.ContainsFunc(p.Containers, func(c facts.Container) bool { return c.AtStart != nil }) {
		return p
	}
	c := *p
	c.Containers = slices.Clone(p.Containers)
	for i := range c.Containers {
		c.Containers[i].AtStart = nil
	}
	return &c
}
