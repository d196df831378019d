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

// edit changes the containers of that name, and with them the pod's request and class, or, where the pod has memory
// resources of its own, what of those is left to be shared out: they alone are the pod's request, and decide its class.
func edit(container string, change func(*facts.Container)) Change {
	return func(p *facts.PodState) {
		before, podLevel, found := p.ContainerRequests(), p.PodLevel(), false
		for i := range p.Containers {
			if p.Containers[i].Name == container {
				change(&p.Containers[i])
				found = true
			}
		}
		if !found {
			return
		}
		if podLevel {
			p.AdjShare = shareAfter(p.Pod, before)
			return
		}
		p.Request = max(p.Request+p.ContainerRequests()-before, 0)
		p.QOS = classOf(p.Pod)
	}
}

// shareAfter is each container's share of the pod's own request, in bytes, after its containers' requests have changed from a
// sum of before (remainingPodMemReqPerContainer in pkg/kubelet/qos/helpers.go of Kubernetes v1.37.2). The pod's own request
// without overhead is what was given and shared out, as far as anything was shared out; else the pod's whole request.
func shareAfter(p *facts.Pod, before int64) int64 {
	sharers := sharersOf(p)
	own := p.Request
	if p.AdjShare > 0 {
		own = before + p.AdjShare*sharers
	}
	return max(own-p.ContainerRequests(), 0) / sharers
}

// sharersOf counts the containers that a pod's own request is shared out to; at least 1.
func sharersOf(p *facts.Pod) (count int64) {
	for i := range p.Containers {
		if p.Containers[i].Kind != facts.Ephemeral {
			count++
		}
	}
	return max(count, 1)
}

// RequestInAll gives the pod's own memory resources a request of that many bytes. The part that is not given to
// containers is shared out to all of them in oom_score_adj.
func RequestInAll(bytes int64) Change {
	return func(p *facts.PodState) {
		p.AdjShare = max(p.AdjShare+(bytes-p.Request)/sharersOf(p.Pod), 0)
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

// Like makes the pod one of another template: resources, class, priority, what is exempt, labels and containers are the
// template's; name, UID, node, workload and usage stay. A container that the pod has already goes on running, with its
// reading; a new one runs, with a reading of nothing; what a container uses that the template does not have is not used any
// more. A static pod stays exempt: its manifest does not tell that it is one.
func Like(template *facts.Pod) Change {
	return func(p *facts.PodState) {
		was, running := *p.Pod, p.AnyRunning()
		now := *template
		now.Namespace, now.Name, now.UID, now.Node = was.Namespace, was.Name, was.UID, was.Node
		now.Workload, now.Terminating, now.SandboxReady = was.Workload, was.Terminating, was.SandboxReady
		now.Exempt = now.Exempt || was.Exempt && was.Priority < facts.SystemCriticalPriority
		now.Containers = slices.Clone(template.Containers)
		usage := make([]facts.ContainerUsage, len(now.Containers))
		for i := range now.Containers {
			c := &now.Containers[i]
			k := indexOf(was.Containers, c.Name)
			if k < 0 {
				c.Running = running && c.Lasting()
				continue
			}
			c.Running, c.Started, c.AtStart = was.Containers[k].Running, was.Containers[k].Started, was.Containers[k].AtStart
			if p.Usage != nil {
				usage[i] = p.Usage[k]
			}
		}
		if p.Usage != nil {
			p.WorkingSet -= goneUsage(p, &now)
			p.Usage = usage
		}
		carryClaims(&was, &now)
		p.Pod = &now
	}
}

// carryClaims lets containers keep the memory of their resource claims, of which no template tells.
func carryClaims(was, now *facts.Pod) {
	if was.Rare == nil || len(was.Rare.Claims) == 0 {
		return
	}
	rare := facts.Rare{}
	if now.Rare != nil {
		rare = *now.Rare
	}
	rare.Claims = nil
	for _, c := range was.Rare.Claims {
		if c.Container >= len(was.Containers) {
			continue // of a container beyond what is kept of a pod
		}
		if k := indexOf(now.Containers, was.Containers[c.Container].Name); k >= 0 {
			rare.Claims = append(rare.Claims, facts.Claim{Container: k, Bytes: c.Bytes})
		}
	}
	now.Rare = &rare
}

func indexOf(cs []facts.Container, name string) int {
	return slices.IndexFunc(cs, func(c facts.Container) bool { return c.Name == name })
}

// goneUsage is what the containers use, in bytes, that another version of the pod does not have.
func goneUsage(p *facts.PodState, now *facts.Pod) (sum int64) {
	for i := range p.Containers {
		if indexOf(now.Containers, p.Containers[i].Name) < 0 {
			sum += max(p.Usage[i].WorkingSet, 0)
		}
	}
	return min(sum, max(p.WorkingSet, 0))
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

// Neediest is the index of the container that is furthest over its request, of the first regular container where no usage is known;
// -1 if the pod has no container that lasts.
func Neediest(p *facts.PodState) int {
	best, over := -1, int64(0)
	for i := range p.Containers {
		k, used := &p.Containers[i], facts.Unknown
		if p.Usage != nil {
			used = p.Usage[i].WorkingSet
		}
		switch {
		case !k.Lasting():
		case used != facts.Unknown && (best < 0 || used-k.Request > over):
			best, over = i, used-k.Request
		case best < 0 && k.Kind == facts.Regular:
			best, over = i, 0
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
