package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// missingMemoryLimit: without a limit, a leak is the node's problem. BestEffort pods have a finding of their own.
func missingMemoryLimit(_ *audit, p *facts.PodState) (hits []hit) {
	if p.QOS == facts.BestEffort || !p.Production || p.Exempt || p.Limit > 0 {
		return nil
	}
	for i := range p.Containers {
		k := &p.Containers[i]
		if k.Limit > 0 || k.Kind == facts.Init || k.Kind == facts.Ephemeral {
			continue
		}
		used := facts.Unknown
		if p.Usage != nil {
			used = p.Usage[i].WorkingSet
		}
		hits = append(hits, hit{pod: p, container: k.Name, figures: [2]int64{max(used, 0)}, text: func() (string, string) {
			message := fmt.Sprintf("%s has no memory limit: what it leaks is taken from the node.", k.Name)
			if used == facts.Unknown {
				return message, "Set limits.memory above its peak."
			}
			limit := suggest(max(2*used, k.Request))
			return message, fmt.Sprintf("limits.memory %s, twice what it uses, or above its known peak.", amount(limit))
		}})
	}
	return hits
}
