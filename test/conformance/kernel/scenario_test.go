package kernel

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/killorder/killorder/internal/facts"
)

const (
	pageSize = 4096
	mib      = int64(1) << 20
)

// scenario is one node with its pods, small enough to be played on any machine. Amounts are bytes.
type scenario struct {
	Seed, Number uint64
	// Capacity of the node, and the Limit of the scope that runs out: the node itself or its kubepods group.
	Capacity, Limit int64
	// Grower is the index among all processes of the one that grows until someone dies; -1 where memory that
	// belongs to no process of a pod does.
	Grower int
	Pods   []pod
}

// pod is a pod as its author wrote it; the engine and the kubelet each derive oom_score_adj from it.
type pod struct {
	Name         string
	QOS          string
	NodeCritical bool `json:",omitempty"`
	// PodRequest is the pod-level memory request, 0 if none.
	PodRequest int64 `json:",omitempty"`
	// Resized: the requests were changed in place since the containers started.
	Resized    bool `json:",omitempty"`
	Containers []container
}

type container struct {
	Name    string
	Kind    string
	Request int64
	// StartRequest is the request when the container started, of a resized pod.
	StartRequest int64 `json:",omitempty"`
	// Processes is the resident memory of each process; a container without any does not run.
	Processes []int64
	// Parts of each process, where a scene has some.
	Parts []parts `json:",omitempty"`
}

// parts of a process, in bytes. Swapped and Shared are a part of what the kernel weighs, Tmpfs and Huge are not.
type parts struct {
	// Swapped is anonymous memory that is swapped out; Shared is memory of a shared mapping.
	Swapped int64 `json:",omitempty"`
	Shared  int64 `json:",omitempty"`
	// Tmpfs are files in a memory-backed volume, Huge is memory in huge pages.
	Tmpfs int64 `json:",omitempty"`
	Huge  int64 `json:",omitempty"`
}

// partsOf process i of a container: none, unless the scene says so.
func (c *container) partsOf(i int) parts {
	if i < len(c.Parts) {
		return c.Parts[i]
	}
	return parts{}
}

// The kinds of containers by their names in a scenario, and the QoS classes.
var (
	kinds = map[string]facts.ContainerKind{
		"regular": facts.Regular, "sidecar": facts.Sidecar, "init": facts.Init,
	}
	classes = map[string]facts.QOS{
		"BestEffort": facts.BestEffort, "Burstable": facts.Burstable, "Guaranteed": facts.Guaranteed,
	}
)

// String is the scenario as JSON, one pod a line.
func (s *scenario) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "scenario %d of seed %d (again: -seed %d -only %d)\n", s.Number, s.Seed, s.Seed, s.Number)
	fmt.Fprintf(&b, `{"Capacity":%d,"Limit":%d,"Grower":%d,"Pods":[`, s.Capacity, s.Limit, s.Grower)
	for i := range s.Pods {
		line, err := json.Marshal(&s.Pods[i])
		if err != nil {
			panic(err) // plain structs always marshal
		}
		fmt.Fprintf(&b, "\n  %s,", line)
	}
	return strings.TrimSuffix(b.String(), ",") + "\n]}"
}

// kubeletAdj is what the kubelet writes to oom_score_adj of container i, as facts.md 13 to 15 say it. It shares
// no code with the engine, which it checks.
func (p *pod) kubeletAdj(i int, capacity int64) int {
	switch {
	case p.NodeCritical || p.QOS == "Guaranteed":
		return -997
	case p.QOS == "BestEffort":
		return 1000
	}
	counted := p.countedRequests()
	request := counted[i]
	if p.Containers[i].Kind == "sidecar" {
		if regular, found := p.smallestRegular(counted); found && regular > request {
			request = regular // the larger request is the lower adj
		}
	}
	adj := 1000 - int(1000*request/capacity)
	if adj < 3 {
		return 3
	}
	if adj >= 1000 {
		return 999
	}
	return adj
}

// countedRequests are the containers' requests when they started, each with its share of what a pod-level
// request leaves over.
func (p *pod) countedRequests() []int64 {
	requests, sum := make([]int64, len(p.Containers)), int64(0)
	for i, c := range p.Containers {
		requests[i] = c.Request
		if p.Resized {
			requests[i] = c.StartRequest
		}
		sum += requests[i]
	}
	if p.PodRequest == 0 {
		return requests
	}
	for i := range requests {
		requests[i] += (p.PodRequest - sum) / int64(len(requests))
	}
	return requests
}

func (p *pod) smallestRegular(counted []int64) (smallest int64, found bool) {
	for i, c := range p.Containers {
		if c.Kind == "regular" && (!found || counted[i] < smallest) {
			smallest, found = counted[i], true
		}
	}
	return smallest, found
}

// planned is a process of a scenario as it is meant to be; the judgement goes by measured memory.
type planned struct {
	pod, container int
	pages, adj     int64
}

// planned processes, in the order of pods, containers and processes.
func (s *scenario) planned() (all []planned) {
	for i := range s.Pods {
		for c := range s.Pods[i].Containers {
			adj := int64(s.Pods[i].kubeletAdj(c, s.Capacity))
			for _, memory := range s.Pods[i].Containers[c].Processes {
				all = append(all, planned{i, c, memory / pageSize, adj})
			}
		}
	}
	return all
}

// badness in pages by the plan: what scenarios are drawn by.
func (s *scenario) badness(p planned) int64 { return p.pages + p.adj*(s.Limit/pageSize/1000) }

// factsPod is the pod as the engine takes it. With perProcess each process stands as a container of its own,
// as if there were readings for it.
func (p *pod) factsPod(perProcess bool) *facts.Pod {
	now := p.factsAt(perProcess, func(c *container) int64 { return c.Request })
	if p.Resized {
		then := p.factsAt(perProcess, func(c *container) int64 { return c.StartRequest })
		for i := range now.Containers {
			now.Containers[i].AtStart = then
		}
	}
	return now
}

func (p *pod) factsAt(perProcess bool, request func(*container) int64) *facts.Pod {
	f := &facts.Pod{Namespace: "default", Name: p.Name, QOS: classes[p.QOS], NodeCritical: p.NodeCritical}
	left := p.PodRequest
	for i := range p.Containers {
		c := &p.Containers[i]
		left -= request(c)
		one := facts.Container{Name: c.Name, Kind: kinds[c.Kind], Running: len(c.Processes) > 0, Request: request(c)}
		copies := 1
		if perProcess {
			copies = max(1, len(c.Processes))
		}
		for range copies {
			f.Containers = append(f.Containers, one)
		}
	}
	if p.PodRequest > 0 {
		f.AdjShare = left / int64(len(p.Containers))
	}
	return f
}
