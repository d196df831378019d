package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// guestPatience bounds every wait in the machine, which is emulated, beside others that use the same CPUs.
	guestPatience = 10 * time.Minute
	// coarseStep is by how much the outsider grows near the end of the whole machine's memory, or of the swap that is
	// still to be filled; middleStep near a limit. What was read before a step stays right: nobody else grows.
	coarseStep, middleStep = 2 * mib, mib / 2
	// freeZone is how much free memory of the machine the outsider approaches in one step.
	freeZone = 12 * mib
)

// play sets a scene up, lets the outsider grow until the kernel kills, and says what was seen.
func (g *guest) play(s *scene) (err error) {
	if err := g.furnish(s); err != nil {
		return err
	}
	n, err := setUp(s, stage{real: true, alone: true}, g.base)
	defer func() { err = errors.Join(err, n.tearDown(), clearVolumes()) }()
	if err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	for {
		o, err := n.observe()
		if err != nil {
			return err
		}
		if err := g.say(&answer{Seen: o}); err != nil {
			return err
		}
		for i, p := range n.processes {
			o.Processes[i].Dead = !p.alive()
		}
		for i, p := range n.daemons {
			o.Daemons[i].Dead = !p.alive()
		}
		if !s.All || len(o.candidates(s)) < 2 {
			return nil
		}
	}
}

// observe pushes until the kernel kills. A machine that is nearly out of memory may kill while processes are being read:
// then what was read before counts, since when only the outsider has grown.
func (n *node) observe() (*observation, error) {
	n.log.drain()
	var last *observation
	for deadline := time.Now().Add(guestPatience); time.Now().Before(deadline); {
		o, err := n.read()
		switch {
		case err == nil:
			last = o
			err = n.push()
		case errors.Is(err, errDied) && last != nil:
			err = nil
		}
		if err != nil {
			return nil, err
		}
		switch kills, err := n.newKills(); {
		case err != nil:
			return nil, err
		case kills > 0:
			// A kill that was seen before may be counted late: then the outsider has to go on.
			if err := n.harvest(last); err != nil || len(last.Victims) > 0 {
				return last, err
			}
		}
	}
	return nil, errors.New("the outsider grew and nobody died")
}

// push lets the outsider grow by one step.
func (n *node) push() error {
	var left, zone int64
	step := coarseStep
	if n.full == nil {
		free, err := meminfo("MemFree")
		if err != nil {
			return err
		}
		left, zone = free, freeZone
	} else {
		used, err := n.full.usage()
		if err != nil {
			return err
		}
		left, zone = n.Limit-used, fineZone
		if n.Swap == 0 {
			step = middleStep
		}
	}
	return n.outsider.do("fill", whole(max(left-zone, step)))
}

// read looks at all processes.
func (n *node) read() (o *observation, err error) {
	o = &observation{}
	memory, err := meminfo("MemTotal")
	if err != nil {
		return nil, err
	}
	swap, err := meminfo("SwapTotal")
	if err != nil {
		return nil, err
	}
	o.Total = memory + swap
	if o.Processes, err = readAll(n.processes); err != nil {
		return nil, err
	}
	o.Daemons, err = readAll(n.daemons)
	return o, err
}

func readAll(processes []*process) (all []seen, err error) {
	for _, p := range processes {
		one := seen{Pod: p.pod, Container: p.container, Adj: p.adj, Dead: !p.alive()}
		if !one.Dead {
			m, err := p.memory()
			if err != nil {
				return nil, fmt.Errorf("process %d: %w", p.pid(), err)
			}
			one.RSS, one.PageTables, one.Swap = m.rss, m.pageTables, m.swap
			if one.Score, err = p.score(); err != nil {
				return nil, err
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// score is the process's oom_score; errDied once the process has ended.
func (p *process) score() (int32, error) {
	text, err := os.ReadFile(p.file("oom_score"))
	if err != nil {
		return 0, errDied
	}
	score, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 32)
	return int32(score), err
}

// harvest notes who died, in the kernel's order, and what the kernel says about that.
func (n *node) harvest(o *observation) error {
	all := slices.Concat(n.processes, n.daemons)
	index, ours := map[int]int{}, map[int]bool{n.outsider.pid(): true}
	for i, p := range all {
		index[p.pid()], ours[p.pid()] = i, true
	}
	l := parseKernelLog(n.log.drain(), ours)
	o.Constraint, o.Ran = l.constraint, l.ran
	var victims []int
	for _, pid := range l.killed {
		i, one := index[pid]
		if !one {
			i = -1
		}
		if !slices.Contains(victims, i) && (i < 0 || o.living(i)) { // with memory.oom.group the kernel names some twice
			victims = append(victims, i)
		}
	}
	if len(victims) == 0 {
		return nil
	}
	for _, i := range victims {
		if i < 0 {
			return errors.New("the outsider was killed")
		}
		if err := all[i].awaitKill(); err != nil {
			return err
		}
	}
	o.Victims, o.Table = append(victims, n.unnamed(o, all, victims)...), map[int]tableRow{}
	for pid, row := range l.table {
		if i, one := index[pid]; one {
			o.Table[i] = tableRow{row.sum(), row.adj}
		}
	}
	return nil
}

// living reports whether a process lived when it was read; daemons follow the processes.
func (o *observation) living(i int) bool {
	if i < len(o.Processes) {
		return !o.Processes[i].Dead
	}
	return !o.Daemons[i-len(o.Processes)].Dead
}

// unnamed are processes that died with the others though the log names one of their threads.
func (n *node) unnamed(o *observation, all []*process, victims []int) (others []int) {
	if n.Group {
		first := all[victims[0]]
		for _, p := range all {
			if p.pod >= 0 && p.pod == first.pod && p.container == first.container {
				select {
				case <-p.died:
				case <-time.After(guestPatience): // it lives: the test outside sees that
				}
			}
		}
	}
	for i, p := range all {
		if o.living(i) && !p.alive() && !slices.Contains(victims, i) {
			others = append(others, i)
		}
	}
	return others
}

// awaitKill waits for the end of a process that the kernel says it has killed.
func (p *process) awaitKill() error {
	select {
	case <-p.died:
		if !p.killedBySIGKILL() {
			return fmt.Errorf("process %d ended with wait status %#x", p.pid(), uint32(p.status))
		}
		return nil
	case <-time.After(guestPatience):
		return fmt.Errorf("process %d was killed and lives", p.pid())
	}
}
