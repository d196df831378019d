package whatif

import (
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// Edit changes some pods of a node.
type Edit struct {
	// Of chooses the pods: Replicas or One, or any other choice.
	Of     func(p *facts.PodState) bool
	Change Change
}

// Replicas chooses the pod and all other pods of its workload.
func Replicas(of *facts.Pod) func(*facts.PodState) bool {
	return func(p *facts.PodState) bool { return facts.SameWorkload(p.Pod, of) }
}

// One chooses the pod alone.
func One(of *facts.Pod) func(*facts.PodState) bool {
	return func(p *facts.PodState) bool { return facts.SamePod(p.Pod, of) }
}

// Apply returns the node with its pods changed, each by the edits that choose it, in turn. The pods keep their places in
// Node.Pods. A pod whose requests, limits or class change is a new one: its containers start with what they request now.
// Where the usage of pods changes, the readings of the node and of kubepods change by as much.
func Apply(n *facts.Node, edits ...Edit) *facts.Node {
	c := *n
	c.Pods = slices.Clone(n.Pods)
	delta := int64(0)
	for i := range c.Pods {
		p := &c.Pods[i]
		for _, e := range edits {
			if e.Change == nil || !e.Of(&n.Pods[i]) {
				continue
			}
			before := max(p.WorkingSet, 0)
			*p = changed(p, e.Change)
			delta += max(p.WorkingSet, 0) - before
		}
	}
	c.Usage = used(&c, delta, delta)
	return &c
}

// Pressed returns the node as if processes outside of its pods used that many bytes more.
func Pressed(n *facts.Node, bytes int64) *facts.Node {
	c := *n
	c.Usage = used(n, bytes, 0)
	return &c
}

// used returns the node's readings with that many bytes more in use on the node, and in kubepods. Readings cannot go
// below nothing available, nor above the capacity.
func used(n *facts.Node, node, pods int64) facts.NodeUsage {
	u := n.Usage
	if u.WorkingSet != facts.Unknown {
		u.WorkingSet = max(u.WorkingSet+node, 0)
	}
	if u.Available != facts.Unknown {
		u.Available = max(u.Available-node, 0)
	}
	if u.PodsWorkingSet != facts.Unknown {
		u.PodsWorkingSet = max(u.PodsWorkingSet+pods, 0)
	}
	return u
}

// changed is a copy of the pod with the change; nothing of the pod itself is changed.
func changed(p *facts.PodState, ch Change) facts.PodState {
	pod, state := *p.Pod, *p
	pod.Containers, state.Usage = slices.Clone(pod.Containers), slices.Clone(p.Usage)
	state.Pod = &pod
	ch(&state)
	if !sameResources(p.Pod, state.Pod) {
		for i := range state.Containers {
			state.Containers[i].AtStart = nil // a new pod, whose oom_score_adj is written anew
		}
	}
	return state
}

// sameResources reports whether a change needs no new pod: nothing but usage differs.
func sameResources(a, b *facts.Pod) bool {
	return a.Request == b.Request && a.Limit == b.Limit && a.AdjShare == b.AdjShare && a.QOS == b.QOS &&
		a.Priority == b.Priority && a.NodeCritical == b.NodeCritical &&
		slices.EqualFunc(a.Containers, b.Containers, func(x, y facts.Container) bool {
			return x.Name == y.Name && x.Kind == y.Kind && x.Request == y.Request && x.Limit == y.Limit
		})
}

// Refused says why the API server would refuse the pod as it is now, "" if it would not: a container, or the pod as a
// whole, with a request above its limit.
func Refused(p *facts.Pod) string {
	for i := range p.Containers {
		if c := &p.Containers[i]; c.Limit > 0 && c.Request > c.Limit {
			return "container " + c.Name + " requests " + facts.Amount(c.Request) + ", more than its limit of " + facts.Amount(c.Limit)
		}
	}
	if p.Limit > 0 && p.Request > p.Limit {
		return "the pod requests " + facts.Amount(p.Request) + ", more than its limit of " + facts.Amount(p.Limit)
	}
	return ""
}

// Room is what the scheduler sees of a node's memory, in bytes.
type Room struct {
	// Requested is the sum of the effective requests of all pods on the node, Allocatable what the node offers; 0 if the
	// node does not say.
	Requested, Allocatable int64
}

// RoomOn is the node's room, with the pods as they are in n.
func RoomOn(n *facts.Node) Room {
	r := Room{Allocatable: n.Allocatable}
	for i := range n.Pods {
		r.Requested += n.Pods[i].Request
	}
	return r
}

// Free is what a new pod can request, in bytes; it is negative where more is requested than there is.
func (r Room) Free() int64 { return r.Allocatable - r.Requested }

// Fits reports whether the scheduler would place all of the pods on the node. Where the node does not say what is
// allocatable, they fit.
func (r Room) Fits() bool { return r.Allocatable <= 0 || r.Requested <= r.Allocatable }
