package audit

import "github.com/killorder/killorder/internal/facts"

// change of a pod, as its fix says. The pod is a copy, containers included.
type change func(p *facts.Pod)

// guaranteed makes the pod Guaranteed and lets it request that much in all.
func guaranteed(request int64) change {
	return func(p *facts.Pod) { p.Request, p.QOS = request, facts.Guaranteed }
}

// cpuAligned makes a pod Guaranteed that only its CPU keeps from that.
func cpuAligned(p *facts.Pod) { p.QOS = facts.Guaranteed }

// prioritized gives the pod that priority.
func prioritized(priority int32) change {
	return func(p *facts.Pod) { p.Priority = priority }
}

// requesting lets the container of that name request that much, and raises its limit where that is lower: the API
// refuses a request above the limit. It goes by name: replicas in the middle of a rollout need not be alike.
func requesting(container string, request int64) change {
	return func(p *facts.Pod) {
		before := sumOfRequests(p)
		for i := range p.Containers {
			if k := &p.Containers[i]; k.Name == container {
				k.Request = request
				if k.Limit > 0 {
					k.Limit = max(k.Limit, request)
				}
			}
		}
		p.Request = max(p.Request+sumOfRequests(p)-before, 0)
		p.QOS = classOf(p)
	}
}

// requestingInAll changes a request that is the pod's own. What containers are not given of it is shared out to all.
func requestingInAll(request int64) change {
	return func(p *facts.Pod) {
		sharers := int64(0)
		for i := range p.Containers {
			if p.Containers[i].Kind != facts.Ephemeral {
				sharers++
			}
		}
		if sharers > 0 {
			p.AdjShare = max(p.AdjShare+(request-p.Request)/sharers, 0)
		}
		p.Request = request
		if p.Limit > 0 {
			p.Limit = max(p.Limit, request)
		}
	}
}

// podLevel reports whether the pod has memory resources of its own, so that its containers' do not count.
func podLevel(p *facts.Pod) bool {
	return p.Limit > 0 || p.AdjShare > 0 || p.Request < sumOfRequests(p)
}

// sumOfRequests is the containers' effective request, as the scheduler has it: what runs together, or what an init
// container takes on top of the sidecars started before it.
func sumOfRequests(p *facts.Pod) int64 {
	together, peak := together(p)
	return max(together, peak)
}

// together is the sum of the requests of what runs together, and peak that of the largest init container.
func together(p *facts.Pod) (together, peak int64) {
	sidecars := int64(0)
	for i := range p.Containers {
		switch k := &p.Containers[i]; k.Kind {
		case facts.Regular:
			together += k.Request
		case facts.Sidecar:
			together, sidecars = together+k.Request, sidecars+k.Request
		case facts.Init:
			peak = max(peak, sidecars+k.Request)
		case facts.Ephemeral: // has no resources
		}
	}
	return together, peak
}

// classOf is the QoS class that follows from the containers' resources.
func classOf(p *facts.Pod) facts.QOS {
	class, some := facts.Guaranteed, false
	for i := range p.Containers {
		k := &p.Containers[i]
		if k.Kind == facts.Ephemeral {
			continue
		}
		some = some || k.Request > 0 || k.Limit > 0 || k.CPURequest > 0 || k.CPULimit > 0
		if k.Limit == 0 || k.Request != k.Limit || k.CPULimit == 0 || k.CPURequest != k.CPULimit {
			class = facts.Burstable
		}
	}
	if !some {
		return facts.BestEffort
	}
	return class
}
