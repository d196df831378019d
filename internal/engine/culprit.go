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

// growthKnown reports whether any pod has two readings.
func growthKnown(n *facts.Node) bool {
	return slices.ContainsFunc(n.Pods, func(p facts.PodState) bool { return p.GrowthKnown })
}

// culpritOf returns the pod that grew most over the readings kept, if that is more than noise; else the one furthest over
// its request, if that is more than noise and the pod holds at least a tenth of what pods use; else none. Where the
// growth of no pod is known, nobody is accused.
func culpritOf(v *Verdict) Culprit {
	if !v.GrowthKnown {
		return Culprit{}
	}
	return CulpritAmong(v.Node, func(*facts.PodState) bool { return true })
}

// CulpritAmong is the culprit if only the pods that count did.
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
		if c := cmp.Compare(b.WorkingSet, a.WorkingSet); c != 0 {
			return c
		}
		return facts.CompareNames(a.Pod, b.Pod)
	})
	return pods[:min(len(pods), n)]
}
