package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

const (
	// fineStep is by how much the trigger grows near the limit.
	fineStep = 256 << 10
	// fineZone before the limit is where it does.
	fineZone = 2 * mib
	// growthPatience bounds one growth until a kill.
	growthPatience = 30 * time.Second
)

// snapshot is what can be read about a node at one time.
type snapshot struct {
	living []*process
	memory map[*process]memoryOf
	// containers that run, by pod and container.
	containers map[[2]int]facts.ContainerUsage
}

func (n *node) look() (snapshot, error) {
	s := snapshot{memory: map[*process]memoryOf{}, containers: map[[2]int]facts.ContainerUsage{}}
	for _, p := range n.processes {
		if !p.alive() {
			continue
		}
		m, err := p.memory()
		if err != nil {
			return s, fmt.Errorf("%s: %w", n.nameOf(p), err)
		}
		s.living, s.memory[p] = append(s.living, p), m
	}
	for _, p := range s.living {
		at := [2]int{p.pod, p.container}
		if _, done := s.containers[at]; done {
			continue
		}
		usage, err := usageOf(n.groups[p.pod][p.container])
		if err != nil {
			return s, err
		}
		s.containers[at] = usage
	}
	return s, nil
}

// kill is what one growth led to.
type kill struct {
	// before is how things were just before.
	before snapshot
	// victims in the kernel's order; mostly one.
	victims []*process
	// table is the kernel's own, by pid; empty where it printed none.
	table map[int]taskRow
}

// growUntilKill lets the trigger grow until the kernel kills. So near the limit the kernel may also kill between two steps, for a
// page that some process touches late: then what was read before counts, since nobody but the trigger has grown since.
func (n *node) growUntilKill() (kill, error) {
	n.log.drain()
	for deadline := time.Now().Add(growthPatience); time.Now().Before(deadline); {
		now, err := n.look()
		switch {
		case n.seen.missedBy(now, err):
			time.Sleep(time.Millisecond) // the kernel counts before the process is gone: the count below has it
		case err != nil:
			return kill{}, err
		default:
			n.seen = now
			if err := n.trigger(); err != nil {
				return kill{before: now}, err
			}
		}
		kills, err := n.newKills()
		if err != nil {
			return kill{before: n.seen}, err
		}
		if kills > 0 {
			k, err := n.collect(n.seen, kills)
			n.seen = n.seen.without(k.victims)
			return k, err
		}
	}
	return kill{}, errors.New("the trigger grew and nobody died")
}

// missedBy reports whether a process that lived in this snapshot is dead, or dying, in a later one.
func (s snapshot) missedBy(later snapshot, err error) bool {
	return len(s.living) > 0 && (errors.Is(err, errDied) || err == nil && len(later.living) < len(s.living))
}

// without is the snapshot after the death of some.
func (s snapshot) without(dead []*process) snapshot {
	left := snapshot{memory: maps.Clone(s.memory), containers: maps.Clone(s.containers)}
	for _, p := range s.living {
		if !slices.Contains(dead, p) {
			left.living = append(left.living, p)
		}
	}
	for _, p := range dead {
		at, own := [2]int{p.pod, p.container}, s.memory[p].rss-s.memory[p].program
		delete(left.memory, p)
		if !slices.ContainsFunc(left.living, func(l *process) bool { return l.pod == p.pod && l.container == p.container }) {
			delete(left.containers, at)
			continue
		}
		u := left.containers[at]
		u.RSS, u.WorkingSet = max(u.RSS-own, 0), max(u.WorkingSet-own, 0)
		left.containers[at] = u
	}
	return left
}

// trigger takes one step towards the limit: a large one while far from the limit. What grows may be the victim itself.
func (n *node) trigger() error {
	used, err := n.full.usage()
	if err != nil {
		return err
	}
	step := max(n.stage.limit(n.Limit)-used-fineZone, fineStep) / pageSize * pageSize
	if n.Grower < 0 {
		err = n.outsider.do("fill", step)
	} else {
		err = n.processes[n.Grower].do("map", step)
	}
	if errors.Is(err, errDied) {
		return nil // the kernel's count of kills tells
	}
	return err
}

// newKills is how many processes the kernel has killed on this node since the last call.
func (n *node) newKills() (int64, error) {
	total := int64(0)
	for _, g := range n.watched {
		kills, err := g.kills()
		if err != nil {
			return 0, err
		}
		total += kills
	}
	since := total - n.killsSeen
	n.killsSeen = total
	return since, nil
}

// collect waits for the deaths that the kernel counted. One step can kill twice: then the log knows who was
// first, and without it the first one that was gone.
func (n *node) collect(before snapshot, kills int64) (kill, error) {
	k := kill{before: before}
	for deadline := time.Now().Add(answerPatience); int64(len(k.victims)) < kills; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return k, fmt.Errorf("the kernel counted %d kills, %d processes died", kills, len(k.victims))
		}
		for _, p := range slices.Concat(before.living, []*process{n.outsider}) {
			if !p.alive() && !slices.Contains(k.victims, p) {
				k.victims = append(k.victims, p)
			}
		}
	}
	l := parseKernelLog(n.log.drain(), n.pids())
	k.table = l.table
	inLog := func(p *process) int { return max(slices.Index(l.killed, p.pid()), 0) }
	slices.SortStableFunc(k.victims, func(a, b *process) int { return inLog(a) - inLog(b) })
	return k, n.checkDeaths(k)
}

// checkDeaths: all were killed, and the outsider only as the last one left.
func (n *node) checkDeaths(k kill) error {
	for i, p := range k.victims {
		if !p.killedBySIGKILL() {
			return fmt.Errorf("%s ended with wait status %#x", n.nameOf(p), uint32(p.status))
		}
		if p == n.outsider && (i == 0 || i < len(k.before.living)) {
			return fmt.Errorf("the outsider was killed as number %d of %d", i+1, len(k.before.living)+1)
		}
	}
	return nil
}
