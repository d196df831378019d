package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// memoryOutsidePods: so much memory is in use outside of pods, beyond what is reserved for that, that pods pay for it. The
// kubelet evicts pods for memory that no pod uses, page cache that is in use included.
func memoryOutsidePods(c *audit) {
	n, m := c.v.Node, &c.v.Memory
	reserved, known := m.Reserved(n)
	if !known || !n.Linux || m.NonPod == facts.Unknown {
		return
	}
	line := reserved + max(n.Capacity/10, gi)
	if m.NonPod <= line-facts.Band(line) || !c.m.heldInNode(c.rule, m.NonPod > line+facts.Band(line)) {
		return
	}
	c.found(&hit{container: none, readings: [2]int64{m.NonPod, n.Usage.RSS}, settings: [2]int64{reserved}})
}

func memoryOutsidePodsText(c *audit, h *hit) text {
	outside, rss, reserved := h.readings[0], h.readings[1], h.settings[0]
	what := "daemons, the kernel, page cache"
	if rss > 0 && rss < outside/2 {
		what = fmt.Sprintf("page cache for the most part: only %s of the node's memory is anonymous", facts.Amount(rss))
	}
	fix := "On the node: systemd-cgtop -m, slabtop. Stop what should not run"
	switch {
	case rss > 0 && rss < outside/2:
		fix = "On the node: systemd-cgtop -m tells whose files they are. A MemoryHigh for that unit keeps its page cache small"
	case outside <= c.v.Node.Capacity/4:
		fix += ", reserve the rest: systemReserved.memory " + facts.Amount(round(outside))
	}
	return text{
		message: fmt.Sprintf("%s is used outside of pods, %s is reserved for that: %s.", facts.Amount(outside),
			facts.Amount(reserved), what),
		fix: fix + ".",
	}
}
