package kernel

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// stage is how true oom_score_adj values are played on this machine.
type stage struct {
	// real: they are written as they are.
	real bool
	// alone: nothing else runs on the machine.
	alone bool
}

func (s stage) adj(adj int32) int32 {
	if s.real {
		return adj
	}
	return (adj + 1000) / 2
}

// planned is the part of a process's memory that a scenario plans. How many pages of its program a process has mapped depends on
// what the page cache holds, and in which portions: some 1,200 pages where this was measured. The kernel weighs these pages, and
// a container's reading leaves them out. So on a machine that others use, too, these pages come on top of the plan: much the same
// for each process, they change no order of processes, and a container's reading does not depend on the page cache.
func (s stage) planned(m memoryOf) int64 {
	if s.alone {
		return m.sum()
	}
	return m.sum() - m.program
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

// node is a scene being played.
type node struct {
	*scene
	stage
	// group is kubepods; full is the group whose limit runs out, nil where the whole machine does.
	group, full *group
	// groups of the containers, by pod and container.
	groups    [][]*group
	processes []*process
	daemons   []*process
	// outsider holds memory that belongs to no process; its own adj is that of a process that is never chosen.
	outsider *process
	// watched are the groups that processes are in; killsSeen what they have counted.
	watched   []*group
	killsSeen int64
	// seen is what was last read of those that live.
	seen snapshot
	log  *kernelLog
}

// setUp plays the scene up to the point where all memory but the trigger's is taken. Whoever calls it tears
// the node down, also on an error.
func setUp(s *scene, on stage, base *group) (*node, error) {
	n := &node{scene: s, stage: on, log: openKernelLog()}
	name := "node-" + strconv.FormatUint(s.Number, 10)
	var err error
	if n.group, err = base.child(name, true); err != nil {
		n.group = nil
		return n, err
	}
	if s.Scope == scopePods {
		if err := n.limit(n.group); err != nil {
			return n, err
		}
	}
	for i := range s.Pods {
		if err := n.startPod(i); err != nil {
			return n, err
		}
	}
	if err := n.startOthers(); err != nil {
		return n, err
	}
	return n, n.takeMemory()
}

// limit gives the group the limit that is to run out.
func (n *node) limit(g *group) error {
	n.full = g
	if n.Swap > 0 {
		return g.write("memory.max", strconv.FormatInt(n.Limit, 10)) // swap is limited for each container only
	}
	return g.setLimit(n.stage.limit(n.Limit))
}

// startOthers starts the daemons, and the outsider where its memory counts against the limit that is to run out.
func (n *node) startOthers() error {
	for i, d := range n.Daemons {
		g, err := n.group.child("daemon-"+strconv.Itoa(i), false)
		if err != nil {
			return err
		}
		p := &process{pod: -1, container: i, adj: d.Adj, played: n.adj(d.Adj)}
		n.daemons, n.watched = append(n.daemons, p), append(n.watched, g)
		if err := errors.Join(g.noSwap(), p.startIn(g)); err != nil {
			return err
		}
	}
	n.outsider = &process{pod: -1, container: -1, adj: -1000, played: n.adj(-1000)}
	if n.Scope == scopeContainer {
		return n.outsider.startIn(n.groups[0][0])
	}
	parent := n.group
	if n.full != nil {
		parent = n.full
	}
	g, err := parent.child("outside", false)
	if err != nil {
		return err
	}
	n.watched = append(n.watched, g)
	return errors.Join(g.noSwap(), n.outsider.startIn(g))
}

func (n *node) startPod(i int) error {
	pod := &n.Pods[i]
	podGroup, err := n.group.child(pod.Name, true)
	if err != nil {
		return err
	}
	if n.Scope == scopePod && i == 0 {
		if err := n.limit(podGroup); err != nil {
			return err
		}
	}
	groups := make([]*group, len(pod.Containers))
	for c := range pod.Containers {
		if groups[c], err = podGroup.child(pod.Containers[c].Name, false); err != nil {
			return err
		}
		if err := n.settle(groups[c], i, c); err != nil {
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

// settle writes what the kubelet writes to the group of a container.
func (n *node) settle(g *group, pod, container int) error {
	if n.Scope == scopeContainer && pod == 0 && container == 0 {
		if err := n.limit(g); err != nil {
			return err
		}
	}
	if n.Group {
		if err := g.write("memory.oom.group", "1"); err != nil {
			return err
		}
	}
	if n.Swap > 0 {
		return g.write("memory.swap.max", strconv.FormatInt(n.swapLimit(pod, container), 10))
	}
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
		own := n.Pods[p.pod].Containers[p.container].partsOf(p.ordinal)
		size := n.Pods[p.pod].Containers[p.container].Processes[p.ordinal] - own.Shared - own.Swapped
		if i == n.Grower {
			size /= 2 // the rest comes when it is pushed
		}
		if err := errors.Join(n.grow(p, size), p.takeParts(own)); err != nil {
			return fmt.Errorf("%s: %w", n.nameOf(p), err)
		}
	}
	for i, p := range n.daemons {
		if err := n.grow(p, n.Daemons[i].Memory); err != nil {
			return fmt.Errorf("daemon: %w", err)
		}
	}
	_, err := n.newKills() // none yet: from here on they count
	return err
}

// grow maps memory until the process has the size of the plan.
func (n *node) grow(p *process, size int64) error {
	m, err := p.memory()
	if err != nil {
		return err
	}
	// Of 513 pages more, one is the page table of the others.
	if more := (size - n.stage.planned(m)) / pageSize * 512 / 513 * pageSize; more > 0 {
		return p.do("map", more)
	}
	return nil
}

// takeParts takes what is not plain memory of the process.
func (p *process) takeParts(own parts) error {
	for _, part := range []struct {
		command string
		bytes   int64
	}{
		{"swap", own.Swapped}, {"share", own.Shared}, {"store", own.Tmpfs}, {"huge", own.Huge},
	} {
		if part.bytes == 0 {
			continue
		}
		if err := p.do(part.command, part.bytes); err != nil {
			return fmt.Errorf("%s: %w", part.command, err)
		}
	}
	return nil
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
	for _, p := range slices.Concat(n.processes, n.daemons, []*process{n.outsider}) {
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
