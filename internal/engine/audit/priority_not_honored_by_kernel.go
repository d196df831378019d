package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// priorityNotHonoredByKernel: a high priority helps against eviction only; the kernel goes by requests and usage.
func priorityNotHonoredByKernel(c *audit, p *facts.PodState) []hit {
	if p.Priority < c.p.MinPriority || p.Exempt {
		return nil
	}
	used, known := usage(p)
	for i := range min(c.p.RiskRank, len(c.v.OOM)) {
		if k := &c.v.OOM[i]; k.PodState.UID == p.UID && known {
			return c.one(hit{pod: p, figures: [2]int64{used}, text: func() (string, string) {
				message := fmt.Sprintf("Priority %d, but number %d for the kernel (oom_score_adj %d): it does not know priorities.",
					p.Priority, i+1, k.Adj)
				request := max(suggest(used), p.Request)
				fix := fmt.Sprintf("requests.memory %s, limits equal, cpu too (Guaranteed)", amount(request))
				return message, c.fixed(p, fix, guaranteed(request))
			}})
		}
	}
	return nil
}
