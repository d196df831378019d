package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// limitHysteresis is how many percent points a container must fall below the line before the finding goes.
const limitHysteresis = 2

// nearMemoryLimit: at its limit the kernel kills in the container's own cgroup, however much the node has free.
func nearMemoryLimit(c *audit, p *facts.PodState) (hits []hit) {
	for i := range c.v.Limits {
		l := &c.v.Limits[i]
		if l.PodState.UID != p.UID || l.Name != p.Name || l.Namespace != p.Namespace {
			continue
		}
		line := c.p.NearLimitPercent
		if _, was := c.before[keyOf(&rule{name: "NearMemoryLimit"}, hit{pod: p, container: l.ContainerName()})]; was {
			line -= limitHysteresis
		}
		if l.Percent() < line {
			break // the others are further away
		}
		h := hit{pod: p, container: l.ContainerName(), figures: []int64{l.Usage}, text: func() (string, string) {
			limit := suggest(l.Usage)
			return fmt.Sprintf("Uses %s of its limit of %s (%d%%): at the limit the kernel kills it.", amount(l.Usage), amount(l.Limit), l.Percent()),
				fmt.Sprintf("limits.memory %s (then at %d%%), or find what grows.", amount(limit), l.Usage*100/limit)
		}}
		if p.Critical {
			h.severity = new(engine.Critical)
		}
		hits = append(hits, h)
	}
	return hits
}
