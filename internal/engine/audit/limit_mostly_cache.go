package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// limitMostlyCache: page cache fills a limit, and no kill follows from that: the kernel reclaims page cache first. The
// container may become slow.
func limitMostlyCache(c *audit) {
	c.nearLimits(c.mostlyCache, func(h hit, _ bool) {
		h.readings[1] = h.pod.Usage[h.container].RSS
		c.found(&h)
	})
}

func limitMostlyCacheText(_ *audit, h *hit) text {
	used, resident, limit := h.readings[0], h.readings[1], limitOf(h)
	return text{
		message: fmt.Sprintf("Uses %s of its limit of %s (%d%%), but %s is resident: the rest is page cache, reclaimed before a kill.",
			facts.Amount(used), facts.Amount(limit), used*100/limit, facts.Amount(resident)),
		fix: "Nothing, unless it becomes slow: watch memory.pressure and refaults in its cgroup.",
	}
}
