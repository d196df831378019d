package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// usageAboveRequest: the kubelet evicts those first that use more than they request, whatever their class.
func usageAboveRequest(c *audit, p *facts.PodState) []hit {
	used, known := usage(p)
	if !known || p.Request == 0 || !p.Production || p.Exempt || !c.over("UsageAboveRequest", p, "", used, p.Request) {
		return nil
	}
	return c.one(hit{pod: p, figures: [2]int64{used}, text: func() (string, string) {
		request := suggest(used)
		return fmt.Sprintf("Uses %s, requests %s: among the first group that the kubelet evicts.", amount(used), amount(p.Request)),
			c.fixed(p, "requests.memory "+amount(request), requesting(request))
	}})
}
