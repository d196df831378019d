package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

const (
	// negligibleAdj is an oom_score_adj as good as BestEffort's.
	negligibleAdj = 990
	// negligibleMin is the usage, in bytes, up to which a pod's request is nobody's concern.
	negligibleMin = 64 * mi
)

// negligibleRequest: a request so far under usage and so small for the node that it protects from neither killer.
func negligibleRequest(c *audit, p *facts.PodState) {
	used, known := usage(p)
	if !known || p.QOS != facts.Burstable || !p.Production || p.Exempt || p.Request == 0 || c.v.NoOOM != "" {
		return
	}
	if !c.over(p, none, used, max(2*p.Request, negligibleMin)) {
		return
	}
	for i := range p.Containers {
		if !p.Containers[i].Running {
			continue
		}
		if adj, err := oom.AdjOn(c.v.Node, p.Pod, i); err != nil || adj < negligibleAdj {
			return
		}
	}
	c.foundIn(p, used)
}

func negligibleRequestText(c *audit, h *hit) text {
	p, used := h.pod, h.pod.WorkingSet
	return c.requestMore(p, fmt.Sprintf("Requests %s and uses %s: for the kernel that is as good as BestEffort.",
		facts.Amount(p.Request), facts.Amount(used)), used, "")
}
