package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine"
)

// limitHysteresis is how many percent points a container must fall below the line before the finding goes.
const limitHysteresis = 2

// nearMemoryLimit: at its limit the kernel kills in the container's own cgroup, however much the node has free. It goes
// along the limit order, nearest first.
func nearMemoryLimit(c *audit) (hits []hit) {
	for i := range c.v.Limits {
		l := &c.v.Limits[i]
		if l.Percent() < c.p.NearLimitPercent-limitHysteresis {
			break // the others are further away
		}
		h := hit{pod: l.PodState, container: l.ContainerName(), figures: [2]int64{l.Usage}, text: func() (string, string) {
			limit := suggest(l.Usage)
			return fmt.Sprintf("Uses %s of its limit of %s (%d%%): at the limit the kernel kills it.",
					amount(l.Usage), amount(l.Limit), l.Percent()),
				fmt.Sprintf("limits.memory %s (then at %d%%), or find what grows.", amount(limit), l.Usage*100/limit)
		}}
		if l.Percent() < c.p.NearLimitPercent && !c.was("NearMemoryLimit", h) {
			continue
		}
		if l.Critical {
			h.severity = new(engine.Critical)
		}
		hits = append(hits, h)
	}
	return hits
}
