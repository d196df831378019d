package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
)

// criticalWithoutPriority: the kubelet takes lower priorities first, and nothing tells the kubelet that this pod matters.
// Where nobody is evicted, priorities protect from nothing.
func criticalWithoutPriority(c *audit, p *facts.PodState) {
	if p.Critical && p.Priority < c.p.MinPriority && !p.Exempt && !c.nobodyEvicted() {
		c.found(&hit{pod: p, container: none, settings: [2]int64{int64(c.p.MinPriority)}})
	}
}

func criticalWithoutPriorityText(c *audit, h *hit) text {
	return c.fixed(h.pod,
		fmt.Sprintf("Critical, but its priority is %d: the kubelet evicts it among ordinary pods.", h.pod.Priority),
		fmt.Sprintf("A PriorityClass of value %d or more", c.p.MinPriority), whatif.Priority(c.p.MinPriority))
}
