package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// criticalWithoutPriority: the kubelet takes lower priorities first, and nothing tells it that this pod matters.
func criticalWithoutPriority(c *audit, p *facts.PodState) []hit {
	if !p.Critical || p.Priority >= c.p.MinPriority || p.Exempt {
		return nil
	}
	return c.one(hit{pod: p, text: func() (string, string) {
		message := fmt.Sprintf("Critical, but its priority is %d: the kubelet evicts it among ordinary pods.", p.Priority)
		fix := fmt.Sprintf("A PriorityClass of value %d or more", c.p.MinPriority)
		return message, c.fixed(p, fix, prioritized(c.p.MinPriority))
	}})
}
