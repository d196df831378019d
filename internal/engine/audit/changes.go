package audit

import "github.com/killorder/killorder/internal/facts"

// guaranteed makes the pod Guaranteed with that request for the pod, shared out as the containers use memory now.
func guaranteed(request int64) func(*facts.Pod) {
	return func(p *facts.Pod) {
		requesting(request)(p)
		p.QOS = facts.Guaranteed
	}
}

// requesting makes the pod request that much in all: what is missing goes to its first regular container.
func requesting(request int64) func(*facts.Pod) {
	return func(p *facts.Pod) {
		if p.QOS == facts.BestEffort {
			p.QOS = facts.Burstable
		}
		for i := range p.Containers {
			if p.Containers[i].Kind == facts.Regular {
				p.Containers[i].Request = max(p.Containers[i].Request+request-p.Request, 0)
				break
			}
		}
		p.Request = request
	}
}

// prioritized gives the pod that priority.
func prioritized(priority int32) func(*facts.Pod) {
	return func(p *facts.Pod) { p.Priority = priority }
}
