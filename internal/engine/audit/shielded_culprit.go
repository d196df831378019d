package audit

import (
	"fmt"
	"sort"

	"github.com/killorder/killorder/internal/facts"
)

// shieldedCulprit: the pod that grows requests so much that the kernel takes a smaller one in its place.
func shieldedCulprit(c *audit, p *facts.PodState) {
	if c.v.Culprit.PodState != p || !c.v.Culprit.Grew || len(c.v.OOM) == 0 {
		return
	}
	first, own := &c.v.OOM[0], c.firstOf(p)
	if own == nil || first.PodState == p || own.Adj >= first.Adj || !c.over(p, none, own.Usage, first.Usage) {
		return
	}
	c.foundIn(p, own.Usage, first.Usage)
}

func shieldedCulpritText(c *audit, h *hit) text {
	p, first, own := h.pod, &c.v.OOM[0], c.firstOf(h.pod)
	message := fmt.Sprintf("It grows (%s), but its request of %s shields it (oom_score_adj %d): %s with %s dies first.",
		amount(own.Usage), amount(p.Request), own.Adj, short(first.Name), amount(first.Usage))
	request, ch := c.unshielded(p, own.Container)
	if request == 0 {
		return text{message: message, fix: fmt.Sprintf("A limits.memory under what the node can give; it uses %s.", amount(own.Usage))}
	}
	fix := "requests.memory " + amount(request) + " for the pod"
	if !podLevel(p.Pod) {
		fix = containerFix(p.Pod, own.Container, request)
	}
	return c.fixed(p, message, fix, ch)
}

// unshielded is the largest request, in steps, of container i or of the pod with which the kernel takes the culprit
// first; 0 if there is none.
func (c *audit) unshielded(p *facts.PodState, i int) (request int64, ch change) {
	const step = 256 * mi
	requests, from := func(bytes int64) change { return requesting(p.Containers[i].Name, bytes) }, p.Containers[i].Request
	if podLevel(p.Pod) {
		requests, from = requestingInAll, p.Request
	}
	steps := int(min(from, c.v.Node.Capacity) / step)
	shielding := sort.Search(steps, func(n int) bool { // the more it requests, the later it goes
		return c.ranksIf(p, requests(int64(n+1)*step)).oom != 1
	})
	request = int64(shielding) * step
	return request, requests(request)
}
