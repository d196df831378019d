package kernel

import (
	"fmt"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// answer is a line that the machine writes: about itself, about one kill, or that a scene has been played.
type answer struct {
	// Ready: the machine waits for a scene. Kernel and Room describe the machine; they come once.
	Ready  bool   `json:",omitempty"`
	Kernel string `json:",omitempty"`
	Room   *room  `json:",omitempty"`
	// Seen is one kill, Failed why a scene could not be played.
	Seen   *observation `json:",omitempty"`
	Failed string       `json:",omitempty"`
}

// observation is one kill, with the readings from just before.
type observation struct {
	// Total is the memory and the swap of the machine, in bytes.
	Total int64
	// Processes in the order of the scene, the dead ones too; Daemons likewise.
	Processes, Daemons []seen
	// Victims are indexes of processes in the order in which the kernel killed them, -1 for any other process.
	Victims []int
	// Constraint and Ran are what the kernel says about the scope: oom-kill:constraint=, oom_memcg=.
	Constraint, Ran string
	// Table is the kernel's own, by index of the process; empty where the kernel printed none.
	Table map[int]tableRow `json:",omitempty"`
}

// seen is a process as it could be read; amounts are bytes.
type seen struct {
	Pod, Container        int
	Adj                   int32
	Dead                  bool `json:",omitempty"`
	RSS, PageTables, Swap int64
	// Score is /proc/PID/oom_score.
	Score int32
}

func (s *seen) sum() int64 { return s.RSS + s.PageTables + s.Swap }

// tableRow is a process in the kernel's own table: what the kernel weighs, in bytes.
type tableRow struct {
	Sum int64
	Adj int32
}

// candidates are the living processes of the scope that ran out, as they were read.
func (o *observation) candidates(s *scene) (all []candidate) {
	ordinals := map[[2]int]int{}
	for i := range o.Processes {
		p := &o.Processes[i]
		at := [2]int{p.Pod, p.Container}
		if !p.Dead && s.includes(p.Pod, p.Container) {
			own := s.Pods[p.Pod].Containers[p.Container].partsOf(ordinals[at])
			own.Swapped = p.Swap
			all = append(all, candidate{i, p.Pod, p.Container, p.Adj, p.sum(), own})
		}
		ordinals[at]++
	}
	if s.Scope != scopeNode {
		return all
	}
	for i := range o.Daemons {
		if d := &o.Daemons[i]; !d.Dead {
			all = append(all, candidate{process: len(o.Processes) + i, pod: -1, container: i, adj: d.Adj, sum: d.sum()})
		}
	}
	return all
}

// weights in bytes, parallel to candidates: the engine's, each process being a container of its own.
func (o *observation) weights(s *scene, all []candidate) ([]int64, error) {
	f, index := o.factsNode(s, all)
	order, err := victims(s, f)
	if err != nil {
		return nil, err
	}
	weights := make([]int64, len(all))
	for i := range order {
		v := &order[i]
		c := index[key(v.Name, v.Container)]
		if v.Adj != all[c].adj {
			return nil, fmt.Errorf("%s/%s: the engine says oom_score_adj %d, the kubelet writes %d", v.Name, v.ContainerName(), v.Adj, all[c].adj)
		}
		weights[c] = v.Badness
	}
	for i := range all {
		if all[i].pod < 0 { // no container: the engine does not list daemons
			weights[i] = oom.Badness(all[i].sum, all[i].adj, s.scale())
		}
	}
	return weights, nil
}

// victims is the engine's order. For the node and kubepods the engine itself has to find what runs out, and its scale.
func victims(s *scene, f *facts.Node) ([]oom.Victim, error) {
	if s.Scope != scopeNode && s.Scope != scopePods {
		return oom.Order(f, s.scale())
	}
	at := time.Unix(1, 0)
	f.Usage.Source, f.Usage.ObservedAt = facts.SourceKubelet, at
	v := engine.Evaluate(f, &facts.Policy{MaxAge: time.Minute}, at)
	if v.Memory.OOMLimit != s.scale() {
		return nil, fmt.Errorf("the engine's scale is %d bytes, that of the kernel %d", v.Memory.OOMLimit, s.scale())
	}
	if v.NoOOM != "" {
		return nil, fmt.Errorf("no order: %s", v.NoOOM)
	}
	return v.OOM, nil
}

// factsNode is the node as the engine takes it, and which candidate each of its containers is.
func (o *observation) factsNode(s *scene, all []candidate) (*facts.Node, map[string]int) {
	f := &facts.Node{Name: "node", Capacity: s.Capacity, Allocatable: s.Limit, Linux: true, Hugepages: s.HugePages}
	f.Usage.SwapCapacity, f.Usage.WorkingSet = s.Swap, s.Capacity
	if s.Scope == scopePods { // the limit is reached, and the node has what is reserved
		f.Config = &facts.KubeletConfig{PodsEnforced: true, SystemReserved: s.Capacity - s.Limit, LimitedSwap: s.Swap > 0}
		f.Usage.PodsWorkingSet, f.Usage.WorkingSet, f.Usage.Available = s.Limit, s.Limit, s.Capacity-s.Limit
	} else {
		f.Usage.PodsWorkingSet, f.Usage.Available = facts.Unknown, 0
	}
	candidateOf, index := map[int]int{}, map[string]int{}
	for i := range all {
		candidateOf[all[i].process] = i
	}
	for i := range s.Pods {
		state := facts.PodState{Pod: s.Pods[i].factsPod(true), WorkingSet: facts.Unknown}
		state.Usage = make([]facts.ContainerUsage, len(state.Containers))
		for c, process := range o.copies(s, i) {
			at, living := candidateOf[process]
			if state.Containers[c].Running = living; living {
				p := &o.Processes[process]
				state.Usage[c] = memoryOf{rss: p.RSS, pageTables: p.PageTables, swap: p.Swap}.usage()
				index[key(state.Name, c)] = at
			}
		}
		f.Pods = append(f.Pods, state)
	}
	return f, index
}

// copies of a pod's containers, one a process, as factsPod makes them: the index of the process, -1 where none runs.
func (o *observation) copies(s *scene, pod int) (processes []int) {
	next := 0
	for next < len(o.Processes) && o.Processes[next].Pod < pod {
		next++
	}
	for c := range s.Pods[pod].Containers {
		n := len(s.Pods[pod].Containers[c].Processes)
		if n == 0 {
			processes = append(processes, -1)
		}
		for range n {
			processes = append(processes, next)
			next++
		}
	}
	return processes
}
