package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// missingMemoryLimit: without a limit, a leak is the node's problem. BestEffort pods have a finding of their own.
func missingMemoryLimit(c *audit, p *facts.PodState) {
	if p.QOS == facts.BestEffort || !p.Production || p.Exempt || p.Limit > 0 {
		return
	}
	for i := range p.Containers {
		k := &p.Containers[i]
		if k.Limit == 0 && (k.Kind == facts.Regular || k.Kind == facts.Sidecar) {
			c.found(&hit{pod: p, container: i, readings: [2]int64{max(containerUsage(p, i), 0)}})
		}
	}
}

func missingMemoryLimitText(c *audit, h *hit) text {
	k, used := &h.pod.Containers[h.container], containerUsage(h.pod, h.container)
	message := fmt.Sprintf("%s has no memory limit: what it leaks is taken from the node.", short(k.Name))
	if used == facts.Unknown {
		return text{message: message, fix: "Set limits.memory above its peak."}
	}
	peak := peakOf(h.pod, h.container)
	limit, ok := c.limitOf(suggest(max(2*used, peak, k.Request)), peak)
	if !ok {
		return text{message: message, fix: c.noLimit(peak)}
	}
	if limit < 2*used {
		return text{message: message, limit: limit, fix: fmt.Sprintf("limits.memory %s, which is all that the node can give; it uses %s.",
			facts.Amount(limit), facts.Amount(used))}
	}
	return text{
		message: message, limit: limit, roomy: limit >= suggest(peak),
		fix: fmt.Sprintf("limits.memory %s, twice what it uses, or above its known peak.", facts.Amount(limit)),
	}
}
