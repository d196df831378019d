package audit

import (
	"slices"

	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// ranks are a pod's places in both orders; 0 where it has none.
type ranks struct {
	eviction, oom int
	lastOOM       bool
}

// ranksIf are the ranks of a pod if its workload's pods on the node were changed so.
func (c *audit) ranksIf(p *facts.PodState, change func(*facts.Pod)) ranks {
	workload := func(q *facts.PodState) bool {
		return q.UID == p.UID || (p.Workload != (facts.Workload{}) && q.Namespace == p.Namespace && q.Workload == p.Workload)
	}
	changed := func(q *facts.PodState) *facts.PodState {
		if change == nil || !workload(q) {
			return q
		}
		pod, state := *q.Pod, *q
		pod.Containers = slices.Clone(pod.Containers)
		for i := range pod.Containers {
			pod.Containers[i].AtStart = nil // a changed pod is a new one
		}
		change(&pod)
		state.Pod = &pod
		return &state
	}
	return ranks{eviction: c.evictionRank(p, changed)}.withOOM(c, p, changed)
}

func (c *audit) evictionRank(p *facts.PodState, changed func(*facts.PodState) *facts.PodState) int {
	if p.Exempt {
		return 0
	}
	self, rank := evict.Of(changed(p), c.v.Node.SandboxStats), 1
	for i := range c.v.Eviction {
		if q := c.v.Eviction[i].PodState; q != p {
			if other := evict.Of(changed(q), c.v.Node.SandboxStats); evict.Compare(&other, &self) < 0 {
				rank++
			}
		}
	}
	return rank
}

// withOOM adds the rank of the pod's likeliest container.
func (r ranks) withOOM(c *audit, p *facts.PodState, changed func(*facts.PodState) *facts.PodState) ranks {
	best, found := int64(0), false
	limit := c.v.Memory.OOMLimit
	mine := changed(p)
	for i := range mine.Containers {
		if k, err := oom.Of(mine, i, c.v.Node.Capacity, limit); err == nil && mine.Containers[i].Running && (!found || k.Badness > best) {
			best, found = k.Badness, true
		}
	}
	if !found || len(c.v.OOM) == 0 {
		return r
	}
	r.oom, r.lastOOM = 1, true
	for i := range c.v.OOM {
		k := &c.v.OOM[i]
		if k.PodState == p {
			continue
		}
		other, err := oom.Of(changed(k.PodState), k.Container, c.v.Node.Capacity, limit)
		switch {
		case err != nil:
		case other.Badness > best:
			r.oom++
		default:
			r.lastOOM = false
		}
	}
	return r
}
