package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// criticalNotGuaranteed: a critical workload that is not Guaranteed is a candidate like any other.
func criticalNotGuaranteed(c *audit, p *facts.PodState) []hit {
	if !p.Critical || p.QOS == facts.Guaranteed || p.NodeCritical {
		return nil
	}
	used, known := usage(p)
	return c.one(hit{pod: p, figures: [2]int64{max(used, 0)}, text: func() (string, string) {
		message := fmt.Sprintf("Critical, but %s: it requests %s.", p.QOS, amount(p.Request))
		if !known {
			return message, "Set requests equal to limits, memory and cpu, in every container."
		}
		message = fmt.Sprintf("Critical, but %s: it requests %s and uses %s.", p.QOS, amount(p.Request), amount(used))
		request := max(suggest(used), p.Request)
		fix := fmt.Sprintf("requests.memory %s, limits equal, cpu too (Guaranteed)", amount(request))
		return message, c.fixed(p, fix, guaranteed(request))
	}})
}
