package kernel

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// stage is how true oom_score_adj values are played on this machine.
type stage struct {
	// real: they are written as they are.
	real bool
}

func (s stage) adj(adj int32) int32 {
	if s.real {
		return adj
	}
	return (adj + 1000) / 2
}

// limit of the cgroup that plays a scope with that limit.
func (s stage) limit(limit int64) int64 {
	if s.real {
		return limit
	}
	return 2 * limit
}

// margin in bytes below which the kernel's choice is not held against a prediction: its counters and /proc
// differ by up to about 110 pages, and halving an odd adj loses half a unit of each side.
func (s stage) margin(limit int64) int64 {
	const counters = 384 * pageSize
	if s.real {
		return counters
	}
	return counters + limit/1000
}

// node is a scenario being played.
type node struct {
	*scenario
	stage
	group *group
	// groups of the containers, by pod and container.
	groups    [][]*group
	processes []*process
	// outsider holds memory that belongs to no process; its own adj is that of a process that is never chosen.
	outsider *process
	// watched are the groups that processes are in; killsSeen what they have counted.
	watched   []*group
	killsSeen int64
	log       *kernelLog
}

// setUp plays the scenario up to the point where all memory but the trigger's is taken. Whoever calls it tears
// the node down, also on an error.
func setUp(s *scenario, on stage, base *group) (*node, error) {
	n := &node{scenario: s, stage: on, log: openKernelLog()}
	name := "node-" + strconv.FormatUint(s.Number, 10)
	var err error
	if n.group, err = base.child(name, true); err != nil {
		n.group = nil
		return n, err
	}
	if err := n.group.setLimit(on.limit(s.Limit)); err != nil {
		return n, err
	}
	if err := n.startOutsider(); err != nil {
		return n, err
	}
	for i := range s.Pods {
		if err := n.startPod(i); err != nil {
			return n, err
		}
	}
	return n, n.takeMemory()
}

func (n *node) startOutsider() error {
	g, err := n.group.child("outside", false)
	if err != nil {
		return err
	}
	n.watched = append(n.watched, g)
	n.outsider = &process{pod: -1, container: -1, adj: -1000, played: n.adj(-1000)}
	return n.outsider.startIn(g)
}

func (n *node) startPod(i int) error {
	pod := &n.Pods[i]
	podGroup, err := n.group.child(pod.Name, true)
	if err != nil {
		return err
	}
	groups := make([]*group, len(pod.Containers))
	for c := range pod.Containers {
		if groups[c], err = podGroup.child(pod.Containers[c].Name, false); err != nil {
			return err
		}
		adj := int32(pod.kubeletAdj(c, n.Capacity))
		for ordinal := range pod.Containers[c].Processes {
			p := &process{pod: i, container: c, ordinal: ordinal, adj: adj, played: n.adj(adj)}
			n.processes = append(n.processes, p)
			if err := p.startIn(groups[c]); err != nil {
				return err
			}
		}
	}
	n.groups, n.watched = append(n.groups, groups), append(n.watched, groups...)
	return nil
}

// takeMemory brings every process to its planned size, and half of a node twice as large to nobody's.
func (n *node) takeMemory() error {
	if half := n.stage.limit(n.Limit) - n.Limit; half > 0 {
		if err := n.outsider.do("fill", half); err != nil {
			return fmt.Errorf("outsider: %w", err)
		}
	}
	for i, p := range n.processes {
		size := n.Pods[p.pod].Containers[p.container].Processes[p.ordinal]
		if i == n.Grower {
			size /= 2 // the rest comes when it is pushed
		}
		m, err := p.memory()
		if err != nil {
			return err
		}
		// Of 513 pages more, one is the page table of the others.
		if more := (size - m.sum()) / pageSize * 512 / 513 * pageSize; more > 0 {
			if err := p.do("map", more); err != nil {
				return fmt.Errorf("%s: %w", n.nameOf(p), err)
			}
		}
	}
	_, err := n.newKills() // none yet: from here on they count
	return err
}

func (n *node) pids() map[int]bool {
	ours := map[int]bool{n.outsider.pid(): true}
	for _, p := range n.processes {
		ours[p.pid()] = true
	}
	return ours
}

// tearDown ends every process and removes the groups.
func (n *node) tearDown() error {
	for _, p := range slices.Concat(n.processes, []*process{n.outsider}) {
		p.end()
	}
	n.log.close()
	if n.group == nil {
		return nil
	}
	return n.group.remove(answerPatience)
}

// nameOf a process: pod/container#ordinal.
func (n *node) nameOf(p *process) string {
	if p.pod < 0 {
		return "outsider"
	}
	return fmt.Sprintf("%s#%d", filepath.Join(n.Pods[p.pod].Name, n.Pods[p.pod].Containers[p.container].Name), p.ordinal)
}
