package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// millibyteQuantity: an amount of memory with a wrong unit. "512m" is half a byte, not half a gibibyte.
func millibyteQuantity(c *audit, p *facts.PodState) {
	if p.Rare != nil && len(p.Rare.Odd) > 0 {
		c.found(&hit{pod: p, container: none})
	}
}

func millibyteQuantityText(_ *audit, h *hit) text {
	odd := h.pod.Rare.Odd
	where := "The pod"
	if odd[0].Container != "" {
		where = short(odd[0].Container)
	}
	more := ""
	if len(odd) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(odd)-1)
	}
	return text{
		message: fmt.Sprintf("%s: %s is %q, which is less than a kibibyte%s: for both killers that is nothing.", where, odd[0].Field,
			odd[0].Value, more),
		fix: fmt.Sprintf("%s: %s is probably what was meant.", odd[0].Field, odd[0].Meant),
	}
}
