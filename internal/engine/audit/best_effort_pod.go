package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// bestEffortPod: a production pod without any request or limit has oom_score_adj 1000 and exceeds its request with
// the first byte.
func bestEffortPod(c *audit, p *facts.PodState) {
	if p.QOS == facts.BestEffort && p.Production && !p.Exempt {
		c.foundIn(p, max(p.WorkingSet, 0))
	}
}

func bestEffortPodText(c *audit, h *hit) text {
	message := "BestEffort: nothing is requested, so oom_score_adj is 1000 and any usage exceeds the request."
	switch {
	case c.v.NoOOM != "":
		message = "BestEffort: nothing is requested, so any usage exceeds the request."
	case c.nobodyEvicted():
		message = "BestEffort: nothing is requested, so oom_score_adj is 1000 and the kernel takes it among the first."
	}
	used, known := usage(h.pod)
	if !known {
		return text{message: message, fix: "Set requests.memory to what it uses."}
	}
	return c.requestMore(h.pod, message, used, fmt.Sprintf(" (it uses %s)", facts.Amount(used)))
}
