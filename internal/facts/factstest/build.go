package factstest

import (
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// Amounts of memory in bytes.
const (
	KiB = int64(1) << 10
	MiB = int64(1) << 20
	GiB = int64(1) << 30
)

// Now is when the nodes built here were observed.
var Now = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// PodBuilder builds a pod with its usage.
type PodBuilder struct {
	pod   facts.Pod
	state facts.PodState
}

// Pod starts a pod of namespace "shop": no container, no request, no reading, its UID as its name.
func Pod(name string) *PodBuilder {
	return &PodBuilder{
		pod:   facts.Pod{Namespace: "shop", Name: name, UID: name},
		state: facts.PodState{WorkingSet: facts.Unknown},
	}
}

// Running adds a running container "app" with that request, which is the pod's too, and those bytes of RSS and
// working set, which are the pod's too. The pod is Burstable if it requests any memory, else BestEffort.
func (b *PodBuilder) Running(request, usage int64) *PodBuilder {
	if request > 0 {
		b.pod.QOS = facts.Burstable
	}
	b.pod.Request += request
	return b.Container(facts.Container{Name: "app", Running: true, Request: request}, usage).WorkingSet(usage)
}

// Unread adds a running container "app" with that request, which is the pod's too, and no reading.
func (b *PodBuilder) Unread(request int64) *PodBuilder {
	b.Running(request, facts.Unknown)
	b.state.Usage = nil
	return b
}

// Waiting adds a container "app" that does not run, with that request, which is the pod's too.
func (b *PodBuilder) Waiting(request int64) *PodBuilder {
	return b.Unread(request).Edit(func(p *facts.Pod) { p.Containers[len(p.Containers)-1].Running = false })
}

// Container adds a container with that RSS and working set, in bytes or facts.Unknown.
func (b *PodBuilder) Container(c facts.Container, usage int64) *PodBuilder {
	b.pod.Containers = append(b.pod.Containers, c)
	b.state.Usage = append(b.state.Usage, facts.ContainerUsage{WorkingSet: usage, RSS: usage, Swap: facts.Unknown})
	return b
}

// Reading replaces the readings of the container added last.
func (b *PodBuilder) Reading(u facts.ContainerUsage) *PodBuilder {
	b.state.Usage[len(b.state.Usage)-1] = u
	return b
}

// Namespace sets the namespace, and the UID to go with it.
func (b *PodBuilder) Namespace(namespace string) *PodBuilder {
	return b.Edit(func(p *facts.Pod) { p.Namespace, p.UID = namespace, namespace+"/"+p.Name })
}

// Priority sets the priority.
func (b *PodBuilder) Priority(priority int32) *PodBuilder {
	return b.Edit(func(p *facts.Pod) { p.Priority = priority })
}

// QOS sets the quality of service class.
func (b *PodBuilder) QOS(class facts.QOS) *PodBuilder {
	return b.Edit(func(p *facts.Pod) { p.QOS = class })
}

// Exempt makes the pod one that is never evicted.
func (b *PodBuilder) Exempt() *PodBuilder {
	return b.Edit(func(p *facts.Pod) { p.Exempt = true })
}

// Critical makes the pod critical by the policy.
func (b *PodBuilder) Critical() *PodBuilder {
	b.state.Critical = true
	return b
}

// WorkingSet sets the pod's working set in bytes, or facts.Unknown.
func (b *PodBuilder) WorkingSet(bytes int64) *PodBuilder {
	b.state.WorkingSet, b.state.GrowthKnown = bytes, bytes != facts.Unknown
	return b
}

// ReadOnce makes the pod one of a single reading, so that its growth is not known.
func (b *PodBuilder) ReadOnce() *PodBuilder {
	b.state.GrowthKnown = false
	return b
}

// Growth sets what the working set grew by, in bytes.
func (b *PodBuilder) Growth(bytes int64) *PodBuilder {
	b.state.Growth = bytes
	return b
}

// Edit changes anything else of the pod.
func (b *PodBuilder) Edit(change func(*facts.Pod)) *PodBuilder {
	change(&b.pod)
	return b
}

// State returns the pod.
func (b *PodBuilder) State() facts.PodState {
	state, pod := b.state, b.pod
	state.Pod = &pod
	return state
}

// Node builds a Linux node of that capacity, all of it allocatable, observed now through the metrics API, with
// the given pods and a working set that is theirs.
func Node(capacity int64, pods ...*PodBuilder) *facts.Node {
	n := &facts.Node{
		Name: "worker-1", UID: "worker-1", Linux: true, Minor: 37, DefaultEvictionHard: facts.LinuxEvictionHard,
		Capacity: capacity, Allocatable: capacity,
		Usage: facts.NodeUsage{
			Source: facts.SourceMetricsAPI, ObservedAt: Now,
			Available: facts.Unknown, PodsWorkingSet: facts.Unknown,
		},
	}
	for _, p := range pods {
		state := p.State()
		n.Pods = append(n.Pods, state)
		n.Usage.WorkingSet += max(state.WorkingSet, 0)
	}
	return n
}

// Policy is a KillOrderPolicy left at its defaults.
func Policy() *facts.Policy {
	return &facts.Policy{
		TopN: 10, RiskRank: 3, RiskHeadroomPercent: 15, NearLimitPercent: 85, MinPriority: 100000, MaxAge: 3 * time.Minute,
		AssumedEvictionHard: facts.Threshold{Set: true, Bytes: 100 * MiB},
	}
}
