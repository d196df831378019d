package podcache

import (
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// carryStart remembers, for each container that runs on through a change of the pod's resources, the pod as it was
// when the container started: its oom_score_adj was written then, and an in-place resize does not rewrite it.
func carryStart(before, now *facts.Pod) {
	if before.UID != now.UID || len(before.Containers) != len(now.Containers) {
		return
	}
	var then *facts.Pod
	for i := range now.Containers {
		was, is := &before.Containers[i], &now.Containers[i]
		if !is.Running || is.Started != was.Started || is.Name != was.Name {
			continue
		}
		if is.AtStart = was.AtStart; is.AtStart == nil && !sameScores(before, now) {
			if then == nil {
				then = withoutStarts(before)
			}
			is.AtStart = then
		}
	}
}

// sameScores reports whether nothing changed of what oom_score_adj follows.
func sameScores(a, b *facts.Pod) bool {
	return a.QOS == b.QOS && a.NodeCritical == b.NodeCritical && a.AdjShare == b.AdjShare &&
		slices.EqualFunc(a.Containers, b.Containers, func(x, y facts.Container) bool { return x.Request == y.Request })
}

// withoutStarts copies a pod and lets go of what it remembers, so that memories do not chain.
func withoutStarts(p *facts.Pod) *facts.Pod {
	c := *p
	c.Containers = slices.Clone(p.Containers)
	for i := range c.Containers {
		c.Containers[i].AtStart = nil
	}
	return &c
}
