package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// criticalNotGuaranteed: a critical workload that is not Guaranteed is a candidate like any other.
func criticalNotGuaranteed(c *audit, p *facts.PodState) {
	if p.Critical && p.QOS != facts.Guaranteed && !p.NodeCritical {
		c.foundIn(p, max(p.WorkingSet, 0))
	}
}

func criticalNotGuaranteedText(c *audit, h *hit) text {
	p := h.pod
	used, known := usage(p)
	if !known {
		return text{
			message: fmt.Sprintf("Critical, but %s: it requests %s.", p.QOS, facts.Amount(p.Request)),
			fix:     "Set requests equal to limits, memory and cpu, in every container.",
		}
	}
	message := fmt.Sprintf("Critical, but %s: it requests %s and uses %s.", p.QOS, facts.Amount(p.Request), facts.Amount(used))
	return c.guaranteedWith(p, message)
}
