package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// usageAboveRequest: the kubelet evicts those first that use more than they request, whatever their class.
func usageAboveRequest(c *audit, p *facts.PodState) {
	used, known := usage(p)
	request := c.v.Node.EvictionRequest(p.Pod)
	if known && request > 0 && p.Production && !p.Exempt && c.over(p, none, used, request) {
		c.foundIn(p, used)
	}
}

func usageAboveRequestText(c *audit, h *hit) text {
	p, used := h.pod, h.pod.WorkingSet
	request := facts.Amount(c.v.Node.EvictionRequest(p.Pod))
	then := "among the first group that the kubelet evicts."
	switch {
	case c.v.NoOOM != "" && c.nobodyEvicted():
		then = "more than it was placed for."
	case c.nobodyEvicted():
		then = "more than it was placed for, and its oom_score_adj follows the request."
	}
	return c.requestMore(p, fmt.Sprintf("Uses %s, requests %s: %s", facts.Amount(used), request, then), used, "")
}
