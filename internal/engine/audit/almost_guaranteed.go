package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
)

// almostGuaranteed: memory requests equal limits everywhere, and only CPU keeps the pod Burstable. Of resources of the
// pod's own only the memory is known, so of those pods nothing is said.
func almostGuaranteed(c *audit, p *facts.PodState) {
	if p.QOS != facts.Burstable || !p.Production || p.Exempt || p.PodLevel() {
		return
	}
	odd := 0
	for i := range p.Containers {
		k := &p.Containers[i]
		if k.Kind == facts.Ephemeral {
			continue
		}
		if k.Request == 0 || k.Request != k.Limit {
			return
		}
		if oddCPU(k) {
			odd++
		}
	}
	if odd > 0 {
		c.foundIn(p)
	}
}

// oddCPU reports whether a container's CPU keeps its pod from being Guaranteed.
func oddCPU(k *facts.Container) bool {
	return k.Kind != facts.Ephemeral && (k.CPULimit == 0 || k.CPURequest != k.CPULimit)
}

func almostGuaranteedText(c *audit, h *hit) text {
	var odd []*facts.Container
	for i := range h.pod.Containers {
		if k := &h.pod.Containers[i]; oddCPU(k) {
			odd = append(odd, k)
		}
	}
	fix, first := "", short(odd[0].Name)
	switch cpu := max(odd[0].CPURequest, odd[0].CPULimit); {
	case len(odd) > 1:
		fix = fmt.Sprintf("%s and %d more: set cpu requests and limits equal", first, len(odd)-1)
	case cpu > 0:
		fix = fmt.Sprintf("%s: requests.cpu and limits.cpu both %dm", first, cpu)
	default:
		fix = first + ": set cpu requests and limits equal"
	}
	return c.fixed(h.pod, "Memory requests equal limits; only cpu keeps it from being Guaranteed.", fix, whatif.CPUAligned)
}
