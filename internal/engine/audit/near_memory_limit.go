package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// limitHysteresis is how many percent points a container must fall below the line before the finding goes.
const limitHysteresis = 2

// nearMemoryLimit: at its limit the kernel kills in the container's own cgroup, however much the node has free. It goes
// along the limit order, nearest first. Windows kills nobody: there, allocations fail.
func nearMemoryLimit(c *audit) {
	c.nearLimits(func(l *engine.AtLimit) bool { return !c.mostlyCache(l) }, func(h hit, critical bool) {
		if critical && c.v.Node.Linux {
			c.foundAs(engine.Critical, &h)
		} else {
			c.found(&h)
		}
	})
}

// nearLimits gives what is near its limit, of those that count, to found.
func (c *audit) nearLimits(counts func(*engine.AtLimit) bool, found func(h hit, critical bool)) {
	limits := c.v.Limits
	if !c.v.Node.Linux {
		limits = engine.LimitOrder(c.v.Node)
	}
	for i := range limits {
		l := &limits[i]
		if l.Percent() < c.p.NearLimitPercent-2*limitHysteresis {
			continue // the order is settled: within noise, one that is nearer may stand behind
		}
		if !counts(l) || l.Percent() < c.p.NearLimitPercent-limitHysteresis ||
			!c.m.held(c.rule, l.PodState, l.Container, l.Percent() >= c.p.NearLimitPercent) {
			continue
		}
		h := hit{pod: l.PodState, container: l.Container, readings: [2]int64{l.Usage}, settings: [2]int64{int64(c.p.NearLimitPercent)}}
		found(h, l.Critical)
	}
}

// mostlyCache reports whether what counts against the limit is page cache for a good part, so that what the kernel cannot
// reclaim is not near the limit.
func (c *audit) mostlyCache(l *engine.AtLimit) bool {
	return l.Resident()*100/l.Limit < int64(c.p.NearLimitPercent-2*limitHysteresis)
}

func nearMemoryLimitText(c *audit, h *hit) text {
	used, limit := h.readings[0], limitOf(h)
	// Whatever percentage the policy calls near, the limit must rise.
	below := used/int64(max(c.p.NearLimitPercent-limitHysteresis, 1))*100 + 1
	peak := max(used, peakOf(h.pod, h.container))
	more, ok := c.limitOf(max(suggest(peak), round(below), round(limit+1)), peak)
	then := "at the limit the kernel kills it."
	if !c.v.Node.Linux {
		then = "at the limit its allocations fail; Windows kills nobody."
	}
	t := text{message: fmt.Sprintf("Uses %s of its limit of %s (%d%%): %s", facts.Amount(used), facts.Amount(limit), used*100/limit, then)}
	if asked := c.limitAskedAlready(h.pod); asked != "" {
		t.fix = asked
		return t
	}
	if !ok || more <= limit {
		t.fix = "Find what grows. " + c.noLimit(peak)
		return t
	}
	t.fix, t.limit = fmt.Sprintf("limits.memory %s (then at %d%%), or find what grows.", facts.Amount(more), used*100/more), more
	return t
}

// limitOf is the limit that a hit is about, in bytes.
func limitOf(h *hit) int64 {
	if h.container == none {
		return h.pod.Limit
	}
	return h.pod.Containers[h.container].Limit
}

// peakOf is the most that a container, or all of the pod, has used in the readings kept, in bytes; 0 if there is none.
// What the pod has used more at its peak than now may all have been the container's.
func peakOf(p *facts.PodState, container int) int64 {
	if container == none {
		return max(p.Peak, p.WorkingSet, 0)
	}
	return max(containerUsage(p, container), 0) + max(p.Peak-max(p.WorkingSet, 0), 0)
}

// containerUsage is the container's working set, facts.Unknown if there is no reading.
func containerUsage(p *facts.PodState, i int) int64 {
	if p.Usage == nil {
		return facts.Unknown
	}
	return p.Usage[i].WorkingSet
}
