package audit

import (
	"cmp"
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

// ranksIf are the ranks of a pod if its workload's pods on the node were changed so; nil changes nothing.
func (c *audit) ranksIf(p *facts.PodState, ch change) ranks {
	changed := func(q *facts.PodState) *facts.PodState { return changedLike(p, q, ch) }
	r := ranks{eviction: c.evictionRank(p, changed)}
	r.oom, r.lastOOM = c.oomRank(p, changed)
	return r
}

// changedLike is q as it would be if p's workload were changed so.
func changedLike(p, q *facts.PodState, ch change) *facts.PodState {
	same := q.Pod == p.Pod || (p.Workload != (facts.Workload{}) && q.Namespace == p.Namespace && q.Workload == p.Workload)
	if ch == nil || !same {
		return q
	}
	pod, state := *q.Pod, *q
	pod.Containers = slices.Clone(pod.Containers)
	for i := range pod.Containers {
		pod.Containers[i].AtStart = nil // a changed pod is a new one
	}
	ch(&pod)
	state.Pod = &pod
	return &state
}

func (c *audit) evictionRank(p *facts.PodState, changed func(*facts.PodState) *facts.PodState) int {
	if p.Exempt {
		return 0
	}
	self, rank := evict.Of(changed(p), c.v.Node.SandboxStats), 1
	for i := range c.v.Eviction {
		if q := c.v.Eviction[i].PodState; q != p {
			if other := evict.Of(changed(q), c.v.Node.SandboxStats); evictedBefore(&other, &self) {
				rank++
			}
		}
	}
	return rank
}

// evictedBefore is the order of evict.Sort: total, so that a rank here is the one that an order shows.
func evictedBefore(a, b *evict.Victim) bool {
	return cmp.Or(evict.Compare(a, b),
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID)) < 0
}

// oomRank is the rank of the pod's likeliest container, and whether it comes after those of all other pods.
func (c *audit) oomRank(p *facts.PodState, changed func(*facts.PodState) *facts.PodState) (rank int, last bool) {
	best := c.likeliest(changed(p), func(*facts.Container) bool { return true })
	if best == nil || len(c.v.OOM) == 0 {
		return 0, false
	}
	rank, last = 1, true
	for i := range c.v.OOM {
		k := &c.v.OOM[i]
		if k.PodState == p {
			continue
		}
		other, err := oom.Of(changed(k.PodState), k.Container, c.v.Node.Capacity, c.v.Memory.OOMLimit)
		switch {
		case err != nil:
		case oom.Compare(&other, best) < 0:
			rank++
		default:
			last = false
		}
	}
	return rank, last
}

// likeliest is the pod's running container that the kernel would take first of those that count, nil if there is none.
func (c *audit) likeliest(p *facts.PodState, counts func(*facts.Container) bool) (best *oom.Victim) {
	for i := range p.Containers {
		if k := &p.Containers[i]; !k.Running || !counts(k) {
			continue
		}
		v, err := oom.Of(p, i, c.v.Node.Capacity, c.v.Memory.OOMLimit)
		if err == nil && (best == nil || oom.Compare(&v, best) < 0) {
			best = &v
		}
	}
	return best
}
