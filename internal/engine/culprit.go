package engine

import (
	"cmp"
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// minGrowth is the growth, in bytes, below which readings are noise.
const minGrowth = 64 << 20

// noise is the growth, in bytes, up to which a pod is accused of nothing: 64Mi, or 1% of the node.
func noise(n *facts.Node) int64 { return max(minGrowth, n.Capacity/100) }

// growthKnown reports whether any pod has two readings, or somebody has watched the node for longer.
func growthKnown(n *facts.Node) bool {
	return n.Accused != nil || slices.ContainsFunc(n.Pods, func(p facts.PodState) bool { return p.GrowthKnown })
}

// culpritOf returns the pod that grew most over the readings kept, if that is more than noise; else the one furthest over
// its request, if that is more than noise and the pod holds at least a tenth of what pods use; else none. Where the
// growth of no pod is known, nobody is accused. Whoever has watched the node for longer knows better.
func culpritOf(v *Verdict) Culprit {
	if !v.GrowthKnown {
		return Culprit{}
	}
	if v.Node.Accused != nil {
		return accused(v.Node)
	}
	return CulpritAmong(v.Node, func(*facts.PodState) bool { return true })
}

// accused is the culprit by the order of the operator, which has watched the node for longer.
func accused(n *facts.Node) Culprit {
	p := n.PodOf(n.Accused.UID)
	if p == nil || p.WorkingSet == facts.Unknown {
		return Culprit{}
	}
	return Culprit{PodState: p, Grew: n.Accused.Grew, Amount: n.Accused.Bytes}
}

// CulpritAmong is the culprit among the pods for which counts is true.
func CulpritAmong(n *facts.Node, counts func(*facts.PodState) bool) Culprit {
	grew, over := Culprit{Grew: true}, Culprit{}
	used, _ := sumOfPods(n)
	for i := range n.Pods {
		p := &n.Pods[i]
		if p.WorkingSet == facts.Unknown || !counts(p) {
			continue
		}
		grew.offer(p, p.Growth)
		if p.WorkingSet >= used/10 {
			over.offer(p, p.WorkingSet-p.Request)
		}
	}
	switch {
	case grew.PodState != nil && grew.Amount > noise(n):
		return grew
	case over.PodState != nil && over.Amount > noise(n):
		return over
	}
	return Culprit{}
}

// StillCulprit returns the accused pod of this UID as long as three quarters of what accuses a pod hold for the pod, by the
// same reason (growth, or else usage over its request); else the zero Culprit. The quarter keeps a pod that is near a
// threshold from being accused and cleared in turns by the noise of readings.
func StillCulprit(n *facts.Node, uid string, grew bool) Culprit {
	p := n.PodOf(uid)
	if p == nil || p.WorkingSet == facts.Unknown {
		return Culprit{}
	}
	c := Culprit{PodState: p, Grew: grew, Amount: p.Growth}
	if !grew {
		c.Amount = p.WorkingSet - p.Request
		if used, _ := sumOfPods(n); p.WorkingSet < used/40*3 {
			return Culprit{}
		}
	}
	if c.Amount <= noise(n)/4*3 {
		return Culprit{}
	}
	return c
}

// offer takes the pod if its amount is above 0 and larger, or as large and first by name.
func (c *Culprit) offer(p *facts.PodState, amount int64) {
	if amount <= 0 || amount < c.Amount {
		return
	}
	if c.PodState != nil && amount == c.Amount && facts.CompareNames(c.Pod, p.Pod) <= 0 {
		return
	}
	c.PodState, c.Amount = p, amount
}

// Largest are the pods that use most, first to last, at most n: what can be said of a node where no growth is known. Pods
// without a reading are left out.
func Largest(node *facts.Node, n int) []*facts.PodState {
	var pods []*facts.PodState
	for i := range node.Pods {
		if p := &node.Pods[i]; p.WorkingSet != facts.Unknown {
			pods = append(pods, p)
		}
	}
	slices.SortFunc(pods, func(a, b *facts.PodState) int {
		return cmp.Or(cmp.Compare(b.WorkingSet, a.WorkingSet), facts.CompareNames(a.Pod, b.Pod))
	})
	return pods[:min(len(pods), n)]
}
