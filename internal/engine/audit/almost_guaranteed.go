package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// almostGuaranteed: memory requests equal limits everywhere, and only CPU keeps the pod Burstable.
func almostGuaranteed(c *audit, p *facts.PodState) []hit {
	if p.QOS != facts.Burstable || !p.Production || p.Exempt {
		return nil
	}
	var odd *facts.Container
	for i := range p.Containers {
		k := &p.Containers[i]
		switch {
		case k.Kind == facts.Ephemeral:
		case k.Request == 0 || k.Request != k.Limit:
			return nil
		case odd == nil && (k.CPURequest == 0 || k.CPURequest != k.CPULimit):
			odd = k
		}
	}
	if odd == nil {
		return nil
	}
	cpu := max(odd.CPURequest, odd.CPULimit)
	return c.one(hit{pod: p, text: func() (string, string) {
		message := "Memory requests equal limits; only cpu keeps it from being Guaranteed."
		fix := fmt.Sprintf("%s: set cpu requests and limits equal", odd.Name)
		if cpu > 0 {
			fix = fmt.Sprintf("%s: requests.cpu and limits.cpu both %dm", odd.Name, cpu)
		}
		return message, c.fixed(p, fix, func(q *facts.Pod) { q.QOS = facts.Guaranteed })
	}})
}
