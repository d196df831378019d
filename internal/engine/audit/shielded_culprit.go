package audit

import (
	"fmt"
	"sort"

	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
)

// shieldedCulprit: the pod that grows requests so much that the kernel takes a smaller one in its place.
func shieldedCulprit(c *audit, p *facts.PodState) {
	if c.v.Culprit.PodState != p || !c.v.Culprit.Grew {
		return
	}
	rank := c.kernelRank(p)
	if rank <= 1 {
		return // none of its containers runs, or the kernel takes it first
	}
	first, own := &c.v.OOM[0], &c.v.OOM[rank-1]
	if own.Adj >= first.Adj || !c.over(p, none, own.Usage, first.Usage) {
		return
	}
	c.foundIn(p, own.Usage, first.Usage)
}

func shieldedCulpritText(c *audit, h *hit) text {
	p, first, own := h.pod, &c.v.OOM[0], &c.v.OOM[c.kernelRank(h.pod)-1]
	message := fmt.Sprintf("It grows (%s), but its request of %s shields it (oom_score_adj %d): %s with %s dies first.",
		facts.Amount(own.Usage), facts.Amount(p.Request), own.Adj, short(first.Name), facts.Amount(first.Usage))
	request, ch := c.unshielded(p, own.Container)
	if request == 0 {
		return text{message: message, fix: fmt.Sprintf("A limits.memory under what the node can give; it uses %s.",
			facts.Amount(own.Usage))}
	}
	fix := "requests.memory " + facts.Amount(request) + " for the pod"
	if !p.PodLevel() {
		fix = containerFix(p.Pod, own.Container, request)
	}
	return c.fixed(p, message, fix, ch)
}

// unshielded is the largest request, in steps, of container i or of the pod with which the kernel takes the culprit
// first; 0 if there is none.
func (c *audit) unshielded(p *facts.PodState, i int) (request int64, ch whatif.Change) {
	const step = 256 * mi
	requests, from := func(bytes int64) whatif.Change { return whatif.Request(p.Containers[i].Name, bytes) }, p.Containers[i].Request
	if p.PodLevel() {
		requests, from = whatif.RequestInAll, p.Request
	}
	steps := int(min(from, c.v.Node.Capacity) / step)
	shielding := sort.Search(steps, func(n int) bool { // the more it requests, the later it goes
		return whatif.RanksIf(c.v, p, requests(int64(n+1)*step)).OOM != 1
	})
	request = int64(shielding) * step
	return request, requests(request)
}
