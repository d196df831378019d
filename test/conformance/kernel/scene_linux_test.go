package kernel

import (
	"encoding/json"
	"fmt"
	"slices"
)

// scope is what runs out of memory.
type scope string

const (
	scopeNode      scope = "node"
	scopePods      scope = "kubepods"
	scopePod       scope = "pod"
	scopeContainer scope = "container"
)

// scene is a scenario with what only a machine of its own can play: the whole node runs out, memory.oom.group is set,
// memory is swapped out, or lies in huge pages or in memory-backed volumes.
type scene struct {
	scenario
	// Kind is the name of the kind that the scene was drawn for.
	Kind string `json:",omitempty"`
	// Scope is what runs out. Where that is a pod or a container, it is pod 0, or container 0 of pod 0, with Limit.
	Scope scope
	// Group: memory.oom.group is set for each container, as the kubelet does on cgroup v2.
	Group bool `json:",omitempty"`
	// Swap of the node, and HugePages that are reserved on it, in bytes.
	Swap      int64 `json:",omitempty"`
	HugePages int64 `json:",omitempty"`
	// Daemons run outside of pods.
	Daemons []daemon `json:",omitempty"`
	// All: processes are killed to the last one.
	All bool `json:",omitempty"`
}

// daemon is a process of the node's own, with the oom_score_adj that kubelet and containerd give it.
type daemon struct {
	Adj    int32
	Memory int64
}

// onPods is a scenario in which the limit of kubepods runs out.
func onPods(s *scenario) *scene { return &scene{scenario: *s, Scope: scopePods} }

// String is the scene as JSON.
func (s *scene) String() string {
	line, err := json.Marshal(s)
	if err != nil {
		panic(err) // plain structs always marshal
	}
	return fmt.Sprintf("%s %d of seed %d: %s", s.Kind, s.Number, s.Seed, line)
}

// candidate is one process that the kernel weighs; amounts are bytes.
type candidate struct {
	// process is its index in an observation, where daemons follow the processes.
	process int
	// pod is -1 for a daemon, and container then its index.
	pod, container int
	adj            int32
	// sum is what the kernel weighs: resident memory, page tables and swap.
	sum int64
	parts
}

// candidates of a scene as the scene was drawn: the processes of the scope that runs out.
func (s *scene) candidates() (all []candidate) {
	process := -1
	for i := range s.Pods {
		for c := range s.Pods[i].Containers {
			adj := int32(s.Pods[i].kubeletAdj(c, s.Capacity))
			for j, memory := range s.Pods[i].Containers[c].Processes {
				if process++; s.includes(i, c) {
					all = append(all, candidate{process, i, c, adj, memory, s.Pods[i].Containers[c].partsOf(j)})
				}
			}
		}
	}
	if s.Scope == scopeNode {
		for i, d := range s.Daemons {
			all = append(all, candidate{process: process + 1 + i, pod: -1, container: i, adj: d.Adj, sum: d.Memory})
		}
	}
	return all
}

// includes reports whether a container is in the scope that runs out.
func (s *scene) includes(pod, container int) bool {
	switch s.Scope {
	case scopePod:
		return pod == 0
	case scopeContainer:
		return pod == 0 && container == 0
	}
	return true
}

// scale is what the kernel multiplies oom_score_adj with, in bytes: the memory of the scope that ran out and the swap
// that it may use (constrained_alloc in mm/oom_kill.c, mem_cgroup_get_max in mm/memcontrol.c of Linux 6.12).
func (s *scene) scale() int64 {
	switch s.Scope {
	case scopeNode:
		return s.Capacity + s.Swap
	case scopeContainer:
		return s.Limit + min(s.swapLimit(0, 0), s.Swap)
	}
	return s.Limit + s.Swap
}

// swapLimit of a container in bytes, as the kubelet writes it with swapBehavior LimitedSwap: its request's share of the
// node's swap, for Burstable pods that are not critical (calcSwapForBurstablePods in
// pkg/kubelet/kuberuntime/kuberuntime_container_linux.go, v1.37.2).
func (s *scene) swapLimit(pod, container int) int64 {
	p := &s.Pods[pod]
	request := p.Containers[container].Request
	if p.QOS != "Burstable" || p.NodeCritical || request > s.Capacity {
		return 0
	}
	return int64(float64(request) / float64(s.Capacity) * float64(s.Swap))
}

// badness in bytes by the plan.
func (s *scene) weigh(c *candidate) int64 { return weighOn(s.scale(), c.sum, c.adj) }

// weighOn is badness in bytes on a scale. It shares no code with the engine, which it checks.
func weighOn(scale, sum int64, adj int32) int64 {
	return (sum/pageSize + int64(adj)*(scale/pageSize/1000)) * pageSize
}

// ahead is by how many bytes of badness the first of the candidates leads.
func (s *scene) ahead() int64 {
	all := s.candidates()
	if len(all) < 2 {
		return 0
	}
	weights := make([]int64, len(all))
	for i := range all {
		weights[i] = s.weigh(&all[i])
	}
	slices.Sort(weights)
	return weights[len(weights)-1] - weights[len(weights)-2]
}
