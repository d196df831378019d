package audit

import (
	"fmt"
	"sort"

	"github.com/killorder/killorder/internal/facts"
)

// shieldedCulprit: the pod that grows requests so much that the kernel takes a smaller one in its place.
func shieldedCulprit(c *audit, p *facts.PodState) []hit {
	culprit := &c.v.Culprit
	if culprit.PodState == nil || culprit.UID != p.UID || culprit.Name != p.Name || !culprit.Grew || len(c.v.OOM) == 0 {
		return nil
	}
	first := &c.v.OOM[0]
	if first.PodState.UID == p.UID {
		return nil
	}
	for i := range c.v.OOM {
		k := &c.v.OOM[i]
		if k.PodState.UID != p.UID {
			continue
		}
		if k.Adj >= first.Adj || !c.over("ShieldedCulprit", p, "", k.Usage, first.Usage) {
			return nil
		}
		return c.one(hit{pod: p, figures: [2]int64{k.Usage, first.Usage}, text: func() (string, string) {
			return fmt.Sprintf("It grows (%s), but its request of %s shields it (oom_score_adj %d): %s with %s dies first.",
				amount(k.Usage), amount(p.Request), k.Adj, first.Name, amount(first.Usage)), c.unshield(p, k.Usage)
		}})
	}
	return nil
}

// unshield is the largest request, in steps, with which the kernel takes the culprit first.
func (c *audit) unshield(p *facts.PodState, used int64) string {
	const step = 256 * mi
	steps := int(min(p.Request, c.v.Node.Capacity) / step)
	shielded := sort.Search(steps, func(n int) bool { // the more it requests, the later it goes
		return c.ranksIf(p, requesting(int64(n+1)*step)).oom != 1
	})
	if request := int64(shielded) * step; request > 0 {
		return c.fixed(p, "requests.memory "+amount(request), requesting(request))
	}
	return fmt.Sprintf("A limits.memory under what the node can give; it uses %s.", amount(used))
}
