package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// priorityNotHonoredByKernel: a high priority helps against eviction only; the kernel goes by requests and usage. A
// pod that is Guaranteed has all the protection there is, wherever it stands.
func priorityNotHonoredByKernel(c *audit, p *facts.PodState) {
	if p.Priority < c.p.MinPriority || p.Exempt || p.NodeCritical || p.QOS == facts.Guaranteed {
		return
	}
	if used, known := usage(p); known && c.firstForKernel(p) < min(c.p.RiskRank, len(c.v.OOM)) {
		c.foundIn(p, used)
	}
}

// firstForKernel is the index of the pod's first container in the kernel's order, or RiskRank if it is not among those.
func (c *audit) firstForKernel(p *facts.PodState) int {
	for i := range min(c.p.RiskRank, len(c.v.OOM)) {
		if c.v.OOM[i].PodState == p {
			return i
		}
	}
	return c.p.RiskRank
}

func priorityNotHonoredByKernelText(c *audit, h *hit) text {
	p, i := h.pod, c.firstForKernel(h.pod)
	return c.guaranteedWith(p, fmt.Sprintf("Priority %d, but number %d for the kernel (oom_score_adj %d): it does not know priorities.",
		p.Priority, i+1, c.v.OOM[i].Adj))
}

// firstOf is the pod's first container in the kernel's order, nil if it has none there.
func (c *audit) firstOf(p *facts.PodState) *oom.Victim {
	for i := range c.v.OOM {
		if c.v.OOM[i].PodState == p {
			return &c.v.OOM[i]
		}
	}
	return nil
}
