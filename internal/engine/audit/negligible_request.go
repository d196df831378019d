package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

const (
	// negligibleAdj is an oom_score_adj as good as BestEffort's.
	negligibleAdj = 990
	negligibleMin = 64 << 20
)

// negligibleRequest: a request so far under usage and so small for the node that it protects from neither killer.
func negligibleRequest(c *audit, p *facts.PodState) []hit {
	used, known := usage(p)
	if !known || p.QOS != facts.Burstable || !p.Production || p.Exempt || p.Request == 0 || used < negligibleMin {
		return nil
	}
	if !c.over("NegligibleRequest", p, "", used, 2*p.Request) {
		return nil
	}
	for i := range p.Containers {
		if !p.Containers[i].Running {
			continue
		}
		if adj, err := oom.ScoreAdj(p.Pod, i, c.v.Node.Capacity); err != nil || adj < negligibleAdj {
			return nil
		}
	}
	return c.one(hit{pod: p, figures: [2]int64{used}, text: func() (string, string) {
		request := suggest(used)
		return fmt.Sprintf("Requests %s and uses %s: for the kernel that is as good as BestEffort.", amount(p.Request), amount(used)),
			c.fixed(p, "requests.memory "+amount(request), requesting(request))
	}})
}
