package kernel

import (
	"math/rand/v2"
	"slices"
)

// room is what a machine has, in bytes: its memory, what of it is available, and its disk for swap.
type room struct{ Total, Available, Swap int64 }

// kind of scenes.
type kind struct {
	name  string
	scope scope
	// all: killed to the last. group: with memory.oom.group. swap: with LimitedSwap. These need cgroup v2.
	all, group, swap bool
	// huge pages are reserved; volumes are memory-backed, and some memory is shared.
	huge, volumes bool
	// below: the first victim has an oom_score_adj below 0.
	below bool
}

var sceneKinds = []kind{
	{name: "kubepods", scope: scopePods},
	{name: "kubepods, to the last", scope: scopePods, all: true},
	{name: "node", scope: scopeNode},
	{name: "node, to the last", scope: scopeNode, all: true},
	{name: "pod", scope: scopePod},
	{name: "container", scope: scopeContainer},
	{name: "node, huge pages", scope: scopeNode, huge: true},
	{name: "kubepods, memory-backed volumes", scope: scopePods, volumes: true},
	{name: "node, memory-backed volumes", scope: scopeNode, volumes: true},
	{name: "kubepods, oom.group", scope: scopePods, group: true, all: true},
	{name: "node, oom.group", scope: scopeNode, group: true},
	{name: "pod, oom.group", scope: scopePod, group: true},
	{name: "container, oom.group", scope: scopeContainer, group: true},
	{name: "kubepods, swap", scope: scopePods, swap: true, group: true},
	{name: "node, swap", scope: scopeNode, swap: true, group: true},
	{name: "container, swap", scope: scopeContainer, swap: true},
	{name: "kubepods, scores below 0", scope: scopePods, below: true, all: true},
	{name: "node, scores below 0", scope: scopeNode, below: true},
}

// onVersion reports whether the kind can be played on that version of cgroups: the kubelet sets memory.oom.group and
// limits of swap on v2 only.
func (k *kind) onVersion(version int) bool { return version == 2 || !k.group && !k.swap }

const (
	// drawMarginBytes is drawMargin in bytes.
	drawMarginBytes = drawMargin * pageSize
	// mostProcesses of one scene in the emulated machine, where each takes a while to start.
	mostProcesses = 8
	hugePage      = 2 * mib
)

// drawScene makes scene number of a seed for a machine: the same one each time.
func (k *kind) drawScene(seed, number uint64, r room) *scene {
	d := newDice(seed, number)
	for {
		if s := d.sceneOf(k, r); s.ahead() >= drawMarginBytes {
			s.Seed, s.Number = seed, number
			return s
		}
	}
}

func newDice(seed, number uint64) dice { return dice{rand.New(rand.NewPCG(seed, number))} }

// sceneOf a kind, without regard to how clear the first victim is.
func (d dice) sceneOf(k *kind, r room) *scene {
	for {
		s := onPods(d.scenario())
		s.Kind, s.Scope, s.All, s.Group = k.name, k.scope, k.all, k.group
		if k.swap {
			s.Swap = r.Swap
		}
		if k.huge {
			s.HugePages = d.between(8, 40) * hugePage
		}
		d.fit(s, r)
		if k.below {
			d.protect(s)
			d.enlargeDaemon(s, r)
		}
		if len(s.memories()) <= mostProcesses && len(s.candidates()) > 1 {
			if d.share(s, k); k.shownBy(s) {
				return s
			}
		}
	}
}

// shownBy reports whether the scene has enough of what the kind is about.
func (k *kind) shownBy(s *scene) bool {
	const enough = 8 * mib
	var all parts
	for _, c := range s.candidates() {
		all.Swapped += c.Swapped
		all.Shared += c.Shared
		all.Tmpfs += c.Tmpfs
		all.Huge += c.Huge
	}
	switch {
	case k.below:
		candidates := s.candidates()
		return candidates[largest(engineRule.weights(s, candidates))].adj < 0
	case k.swap:
		return all.Swapped >= enough
	case k.huge:
		return all.Huge >= enough
	case k.volumes:
		return all.Shared >= enough && all.Tmpfs >= enough
	case k.scope == scopePod: // otherwise all have the same oom_score_adj
		return s.Pods[0].QOS == "Burstable"
	}
	return true
}

// fit gives the scene the size of its scope, and its processes their memory.
func (d dice) fit(s *scene, r room) {
	s.Grower = -1
	budget := s.Limit * d.between(55, 82) / 100
	switch s.Scope {
	case scopeNode:
		s.Capacity, s.Limit = r.Total, r.Total
		for range d.IntN(3) {
			s.Daemons = append(s.Daemons, daemon{[]int32{-999, -998, -997, -500}[d.IntN(4)], d.between(5, 24) * mib})
		}
		budget = (r.Available - s.HugePages) * d.between(50, 75) / 100
	case scopePod, scopeContainer:
		s.Pods = s.Pods[:min(len(s.Pods), 2)]
		d.crowd(s)
		s.Limit = d.between(64, 140) * mib
		budget = s.Limit * d.between(55, 82) / 100
	}
	memories := s.memories()
	for _, memory := range memories {
		*memory = hogFloor
	}
	if s.Scope == scopePod || s.Scope == scopeContainer {
		memories = s.memoriesInside()
	}
	weights, sum := make([]float64, len(memories)), 0.0
	for i := range weights {
		weights[i] = d.ExpFloat64()
		sum += weights[i]
	}
	spread := max(budget-int64(len(memories))*hogFloor, 0)
	for i, memory := range memories {
		*memory += int64(weights[i]/sum*float64(spread)) / pageSize * pageSize
	}
}

// protect makes the pods such that the kubelet protects them: Guaranteed or critical, a few of them Burstable with a request
// of nearly the whole node.
func (d dice) protect(s *scene) {
	for i := range s.Pods {
		p := &s.Pods[i]
		p.PodRequest, p.Resized = 0, false
		shape := d.IntN(100)
		p.NodeCritical = shape >= 60 && shape < 75
		p.QOS = "Guaranteed"
		if shape >= 60 {
			p.QOS = "Burstable"
		}
		for c := range p.Containers {
			p.Containers[c].StartRequest = 0
			p.Containers[c].Request = d.between(0, s.Capacity/4)
			if shape >= 75 {
				p.Containers[c].Request = d.between(s.Capacity*97/100, s.Capacity)
			}
		}
	}
}

// enlargeDaemon makes one of the node's daemons so large in half of the scenes of the node that the daemon may be the first
// victim, though its oom_score_adj is below 0. The pods become smaller in turn.
func (d dice) enlargeDaemon(s *scene, r room) {
	if s.Scope != scopeNode || len(s.Daemons) == 0 || d.chance(50) {
		return
	}
	s.Daemons[0] = daemon{[]int32{-500, -700, -900}[d.IntN(3)], r.Available * d.between(35, 60) / 100}
	if d.chance(40) { // half of the node weighs more than all that -500 takes off
		s.Daemons[0] = daemon{-500, r.Available * d.between(64, 70) / 100}
	}
	for _, memory := range s.memories() {
		*memory = whole(hogFloor + (*memory-hogFloor)*2/10)
	}
}

// crowd gives the pod and the container whose own limit is to run out several processes.
func (d dice) crowd(s *scene) {
	p := &s.Pods[0]
	for i := range p.Containers {
		if c := &p.Containers[i]; i == 0 || len(c.Processes) > 0 {
			c.Processes = make([]int64, d.between(1, 3))
		}
	}
	if s.Scope == scopeContainer {
		p.Containers[0].Processes = make([]int64, d.between(2, 5))
	}
}

// memoriesInside are those of the scope that runs out, to be changed.
func (s *scene) memoriesInside() (all []*int64) {
	for i := range s.Pods {
		for c := range s.Pods[i].Containers {
			for j := range s.Pods[i].Containers[c].Processes {
				if s.includes(i, c) {
					all = append(all, &s.Pods[i].Containers[c].Processes[j])
				}
			}
		}
	}
	return all
}

// share says which part of the processes' memory is swapped out, shared, or in huge pages, and what lies in files.
func (d dice) share(s *scene, k *kind) {
	left := (s.Limit - s.HugePages - sumOf(s.memories())) * 6 / 10
	huge := s.HugePages
	for i := range s.Pods {
		for c := range s.Pods[i].Containers {
			one := &s.Pods[i].Containers[c]
			for _, memory := range one.Processes {
				own, above := parts{}, max(memory-hogFloor, 0)
				switch {
				case k.swap:
					own.Swapped = whole(min(above, s.swapLimit(i, c)/int64(len(one.Processes))) * d.between(40, 95) / 100)
				case k.huge && d.chance(40):
					own.Huge = d.between(0, huge/hugePage) * hugePage
					huge -= own.Huge
				case k.volumes && d.chance(60):
					own.Shared = whole(above * d.between(0, 90) / 100)
					own.Tmpfs = whole(min(left, s.Limit/4) * d.between(0, 90) / 100)
					left -= own.Tmpfs
				}
				one.Parts = append(one.Parts, own)
			}
		}
	}
	if !k.swap && !k.huge && !k.volumes {
		s.withoutParts()
	}
}

func (s *scene) withoutParts() {
	for i := range s.Pods {
		for c := range s.Pods[i].Containers {
			s.Pods[i].Containers[c].Parts = nil
		}
	}
}

// whole pages of an amount.
func whole(bytes int64) int64 { return bytes / pageSize * pageSize }

func sumOf(memories []*int64) (sum int64) {
	for _, memory := range memories {
		sum += *memory
	}
	return sum
}

// kindNamed is the kind of that name.
func kindNamed(name string) *kind {
	return &sceneKinds[slices.IndexFunc(sceneKinds, func(k kind) bool { return k.name == name })]
}
