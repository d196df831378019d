package audit

import (
	"fmt"
	"slices"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// priorityNotHonoredByKernel: a high priority helps against eviction only; the kernel goes by requests and usage. A
// pod that is Guaranteed has all the protection there is, wherever it stands.
func priorityNotHonoredByKernel(c *audit, p *facts.PodState) {
	if p.Priority < c.p.MinPriority || p.Exempt || p.NodeCritical || p.QOS == facts.Guaranteed {
		return
	}
	used, known := usage(p)
	first := c.v.OOM[:min(c.p.RiskRank, len(c.v.OOM))]
	if known && slices.ContainsFunc(first, func(k oom.Victim) bool { return k.PodState == p }) {
		c.foundIn(p, used)
	}
}

func priorityNotHonoredByKernelText(c *audit, h *hit) text {
	p, rank := h.pod, c.kernelRank(h.pod)
	return c.guaranteedWith(p, fmt.Sprintf("Priority %d, but number %d for the kernel (oom_score_adj %d): it does not know priorities.",
		p.Priority, rank, c.v.OOM[rank-1].Adj))
}

// kernelRank is the place, from 1, of the pod's first container in the kernel's order; 0 if the pod has none there.
func (c *audit) kernelRank(p *facts.PodState) int {
	return 1 + slices.IndexFunc(c.v.OOM, func(k oom.Victim) bool { return k.PodState == p })
}
