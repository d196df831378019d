// Package whatif answers "what would become of the orders if ...": it changes copies of a node's pods, gives the ranks
// before and after, and plays the sequence of kills of a node that runs out of memory. Findings check their fixes with
// it; the plugin's whatif, explain and simulate print what it says. It is pure, and never changes what it is given.
package whatif

import (
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// Change changes a pod. The pod is a copy: its Pod, Containers and Usage belong to the change, nothing behind a
// container's AtStart does. nil changes nothing.
type Change func(p *facts.PodState)

// All changes one after the other.
func All(changes ...Change) Change {
	return func(p *facts.PodState) {
		for _, ch := range changes {
			ch(p)
		}
	}
}

// Priority gives the pod that priority. A pod of a priority from facts.SystemCriticalPriority up is never evicted; a
// lower one is, unless it is exempt for another reason than its priority (a static or mirror pod).
func Priority(priority int32) Change {
	return func(p *facts.PodState) {
		switch {
		case priority >= facts.SystemCriticalPriority:
			p.Exempt = true
		case p.Priority >= facts.SystemCriticalPriority:
			p.Exempt, p.NodeCritical = false, false
		}
		p.Priority = priority
	}
}

// Guaranteed makes the pod Guaranteed, and its request that many bytes in all.
func Guaranteed(request int64) Change {
	return func(p *facts.PodState) { p.Request, p.QOS = request, facts.Guaranteed }
}

// CPUAligned makes a pod Guaranteed whose CPU alone keeps it from being so.
func CPUAligned(p *facts.PodState) { p.QOS = facts.Guaranteed }

// Request gives the container of that name a request of that many bytes, and raises its limit where that is lower: the
// API server refuses a request above the limit. It goes by the name of the container, because replicas in the middle of
// a rollout need not be alike; a pod without such a container stays as it is.
func Request(container string, bytes int64) Change {
	return edit(container, func(c *facts.Container) {
		c.Request = bytes
		if c.Limit > 0 {
			c.Limit = max(c.Limit, bytes)
		}
	})
}

// Limit gives the container of that name a limit of that many bytes; 0 takes the limit away. A container that has a
// limit and no request gets a request of the same size, as the API server sets it (SetDefaults_Pod in
// pkg/apis/core/v1/defaults.go of Kubernetes v1.37.2). A limit below the request is for the API server to refuse:
// see Refused.
func Limit(container string, bytes int64) Change {
	return edit(container, func(c *facts.Container) {
		c.Limit = bytes
		if c.Request == 0 {
			c.Request = bytes
		}
	})
}

// edit changes the containers of that name, and the pod's request and class with them.
func edit(container string, change func(*facts.Container)) Change {
	return func(p *facts.PodState) {
		before, found := p.ContainerRequests(), false
		for i := range p.Containers {
			if p.Containers[i].Name == container {
				change(&p.Containers[i])
				found = true
			}
		}
		if !found {
			return
		}
		p.Request = max(p.Request+p.ContainerRequests()-before, 0)
		p.QOS = classOf(p.Pod)
	}
}

// RequestInAll gives the pod's own memory resources a request of that many bytes. The part that is not given to
// containers is shared out to all of them in oom_score_adj.
func RequestInAll(bytes int64) Change {
	return func(p *facts.PodState) {
		sharers := int64(0)
		for i := range p.Containers {
			if p.Containers[i].Kind != facts.Ephemeral {
				sharers++
			}
		}
		if sharers > 0 {
			p.AdjShare = max(p.AdjShare+(bytes-p.Request)/sharers, 0)
		}
		p.Request = bytes
		if p.Limit > 0 {
			p.Limit = max(p.Limit, bytes)
		}
	}
}

// LimitInAll gives the pod a limit of its own of that many bytes; 0 takes it away.
func LimitInAll(bytes int64) Change {
	return func(p *facts.PodState) { p.Limit = bytes }
}

// Like makes the pod one of another template: resources, class, priority, what is exempt and its containers are the
// template's; name, UID, node, labels and usage stay. A container that the pod has already goes on running, with its
// reading; a new one runs, with a reading of nothing.
func Like(template *facts.Pod) Change {
	return func(p *facts.PodState) {
		was, usage := p.Containers, p.Usage
		now := *template
		now.Namespace, now.Name, now.UID, now.Node = p.Namespace, p.Name, p.UID, p.Node
		now.Workload, now.Labels, now.Terminating, now.SandboxReady = p.Workload, p.Labels, p.Terminating, p.SandboxReady
		now.Containers = slices.Clone(template.Containers)
		running := p.AnyRunning()
		p.Pod = &now
		if usage != nil {
			p.Usage = make([]facts.ContainerUsage, len(now.Containers))
		}
		for i := range now.Containers {
			c := &now.Containers[i]
			k := slices.IndexFunc(was, func(w facts.Container) bool { return w.Name == c.Name })
			if k < 0 {
				c.Running = running && c.Lasting()
				continue
			}
			c.Running, c.Started = was[k].Running, was[k].Started
			if usage != nil {
				p.Usage[i] = usage[k]
			}
		}
	}
}

// Usage makes the pod use that many bytes. What that is more or less than before is used by the container that uses
// most; a pod without readings gets one.
func Usage(bytes int64) Change {
	return func(p *facts.PodState) { grow(p, bytes-max(p.WorkingSet, 0), "") }
}

// grow adds bytes, which may be negative, to the pod's working set and to that of a running container: the named one,
// or the largest.
func grow(p *facts.PodState, bytes int64, container string) {
	p.WorkingSet = max(p.WorkingSet, 0) + bytes
	if p.Usage == nil {
		p.Usage = make([]facts.ContainerUsage, len(p.Containers))
		for i := range p.Usage {
			p.Usage[i] = facts.NoContainerUsage
		}
	}
	i := grower(p, container)
	if i < 0 {
		return
	}
	u := &p.Usage[i]
	u.WorkingSet = max(max(u.WorkingSet, 0)+bytes, 0)
	if u.RSS != facts.Unknown {
		u.RSS = max(u.RSS+bytes, 0)
	}
}

// grower is the index of the running container of that name, or, without a name, of the running one that uses most;
// -1 if there is none.
func grower(p *facts.PodState, container string) int {
	best := -1
	for i := range p.Containers {
		c := &p.Containers[i]
		if !c.Running || (container != "" && c.Name != container) {
			continue
		}
		if best < 0 || p.Usage[i].WorkingSet > p.Usage[best].WorkingSet {
			best = i
		}
	}
	return best
}

// classOf is the QoS class that follows from the containers' resources (ComputePodQOS in
// pkg/apis/core/v1/helper/qos/qos.go of Kubernetes v1.37.2).
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
