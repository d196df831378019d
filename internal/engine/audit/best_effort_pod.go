package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// bestEffortPod: a production pod without any request or limit has oom_score_adj 1000 and exceeds its request with
// the first byte.
func bestEffortPod(c *audit, p *facts.PodState) []hit {
	if p.QOS != facts.BestEffort || !p.Production || p.Exempt {
		return nil
	}
	used, known := usage(p)
	return c.one(hit{pod: p, figures: [2]int64{max(used, 0)}, text: func() (string, string) {
		message := "BestEffort: nothing is requested, so oom_score_adj is 1000 and any usage exceeds the request."
		if !known {
			return message, "Set requests.memory to what it uses."
		}
		request := suggest(used)
		return message, c.fixed(p, fmt.Sprintf("requests.memory %s (it uses %s)", amount(request), amount(used)), requesting(request))
	}})
}
