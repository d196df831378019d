package engine

import (
	"cmp"

	"github.com/killorder/killorder/internal/facts"
)

// minGrowth is the growth, in bytes, below which readings are noise.
const minGrowth = 64 << 20

// culpritOf returns the pod that grew most over the readings kept, if that is more than noise (64Mi and 1% of
// the node); else the one furthest over its request; else none.
func culpritOf(n *facts.Node) Culprit {
	return CulpritAmong(n, func(*facts.PodState) bool { return true })
}

// CulpritAmong is the culprit if only the pods that count did.
func CulpritAmong(n *facts.Node, counts func(*facts.PodState) bool) Culprit {
	grew, over := Culprit{Grew: true}, Culprit{}
	for i := range n.Pods {
		p := &n.Pods[i]
		if p.WorkingSet == facts.Unknown || !counts(p) {
			continue
		}
		grew.offer(p, p.Growth)
		over.offer(p, p.WorkingSet-p.Request)
	}
	switch {
	case grew.PodState != nil && grew.Amount > max(minGrowth, n.Capacity/100):
		return grew
	case over.PodState != nil:
		return over
	}
	return Culprit{}
}

// offer takes the pod if its amount is above 0 and larger, or as large and first by name.
func (c *Culprit) offer(p *facts.PodState, amount int64) {
	if amount <= 0 || amount < c.Amount {
		return
	}
	if c.PodState != nil && amount == c.Amount &&
		cmp.Or(cmp.Compare(c.Namespace, p.Namespace), cmp.Compare(c.Name, p.Name)) <= 0 {
		return
	}
	c.PodState, c.Amount = p, amount
}
