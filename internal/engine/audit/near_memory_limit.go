package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// limitHysteresis is how many percent points a container must fall below the line before the finding goes.
const limitHysteresis = 2

// nearMemoryLimit: at its limit the kernel kills in the container's own cgroup, however much the node has free. It goes
// along the limit order, nearest first.
func nearMemoryLimit(c *audit) {
	for i := range c.v.Limits {
		l := &c.v.Limits[i]
		if l.Percent() < c.p.NearLimitPercent-2*limitHysteresis {
			break // the others are further away, but for noise
		}
		if l.Percent() < c.p.NearLimitPercent-limitHysteresis ||
			!c.m.held(c.rule, l.PodState, l.Container, l.Percent() >= c.p.NearLimitPercent) {
			continue
		}
		h := hit{pod: l.PodState, container: l.Container, readings: [2]int64{l.Usage}, settings: [2]int64{int64(c.p.NearLimitPercent)}}
		if l.Critical {
			c.foundAs(engine.Critical, &h)
		} else {
			c.found(&h)
		}
	}
}

func nearMemoryLimitText(c *audit, h *hit) text {
	used, limit := h.readings[0], h.pod.Limit
	if h.container != none {
		limit = h.pod.Containers[h.container].Limit
	}
	// Whatever percentage the policy calls near, the limit must rise.
	below := used/int64(max(c.p.NearLimitPercent-limitHysteresis, 1))*100 + 1
	more := max(suggest(used), round(below), round(limit+1))
	return text{
		message: fmt.Sprintf("Uses %s of its limit of %s (%d%%): at the limit the kernel kills it.",
			facts.Amount(used), facts.Amount(limit), used*100/limit),
		fix: fmt.Sprintf("limits.memory %s (then at %d%%), or find what grows.", facts.Amount(more), used*100/more),
	}
}

// containerUsage is the container's working set, facts.Unknown if there is no reading.
func containerUsage(p *facts.PodState, i int) int64 {
	if p.Usage == nil {
		return facts.Unknown
	}
	return p.Usage[i].WorkingSet
}
