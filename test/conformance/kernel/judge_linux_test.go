package kernel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// prediction is the engine's order of the processes, first victim first, by readings per process.
type prediction struct {
	order     []oom.Victim
	processes []*process
}

// predict asks the engine, with each process as a container of its own.
func (n *node) predict(s snapshot) (prediction, error) {
	f := n.factsNode()
	at := map[string]*process{}
	for i := range n.Pods {
		state := facts.PodState{Pod: n.Pods[i].factsPod(true)}
		copies := slices.DeleteFunc(slices.Clone(n.processes), func(p *process) bool { return p.pod != i })
		state.Usage = make([]facts.ContainerUsage, len(state.Containers))
		for c, next := 0, 0; c < len(state.Containers); c++ {
			if !state.Containers[c].Running {
				continue
			}
			p := copies[next]
			next++
			m, living := s.memory[p]
			state.Containers[c].Running, state.Usage[c] = living, m.usage()
			at[key(state.Name, c)] = p
		}
		f.Pods = append(f.Pods, state)
	}
	order, err := oom.Order(f, n.Limit)
	if err != nil {
		return prediction{}, err
	}
	p := prediction{order: order}
	for i := range order {
		p.processes = append(p.processes, at[key(order[i].Name, order[i].Container)])
	}
	return p, p.checkAdj()
}

func key(pod string, container int) string { return fmt.Sprintf("%s/%d", pod, container) }

// predictByContainer asks the engine as the operator does: with one reading a container.
func (n *node) predictByContainer(
	s snapshot, reading func(facts.ContainerUsage) facts.ContainerUsage,
) (order []oom.Victim, at [2]int, err error) {
	f := n.factsNode()
	for i := range n.Pods {
		state := facts.PodState{Pod: n.Pods[i].factsPod(false)}
		for c := range state.Containers {
			usage, running := s.containers[[2]int{i, c}]
			state.Containers[c].Running = running
			state.Usage = append(state.Usage, reading(usage))
		}
		f.Pods = append(f.Pods, state)
	}
	order, err = oom.Order(f, n.Limit)
	if err != nil || len(order) == 0 {
		return nil, at, fmt.Errorf("no order: %w", err)
	}
	first := slices.IndexFunc(n.Pods, func(p pod) bool { return p.Name == order[0].Name })
	return order, [2]int{first, order[0].Container}, nil
}

func (n *node) factsNode() *facts.Node {
	return &facts.Node{Name: "node", Capacity: n.Capacity, Allocatable: n.Limit, Linux: true}
}

// checkAdj compares the engine's oom_score_adj with what the kubelet writes.
func (p prediction) checkAdj() error {
	for i, v := range p.order {
		if want := p.processes[i].adj; v.Adj != want {
			return fmt.Errorf("%s/%s: the engine says oom_score_adj %d, the kubelet writes %d", v.Name, v.ContainerName(), v.Adj, want)
		}
	}
	return nil
}

// behind is by how many bytes of badness a process was behind the first of those that were left when it died.
func (p prediction) behind(died *process, before []*process) (bytes int64, err error) {
	for i, v := range p.order {
		if slices.Contains(before, p.processes[i]) {
			continue
		}
		at := slices.Index(p.processes, died)
		if at < 0 {
			break
		}
		return v.Badness - p.order[at].Badness, nil
	}
	return 0, fmt.Errorf("process %d died, which was not in the order", died.pid())
}

// judgement is how the engine did on one kill.
type judgement struct {
	// right: the predicted process died, not another one within the margin.
	right bool
	// The same by readings per container: RSS as the kubelet's Summary API has it, working set as metrics-server.
	byRSS, byWorkingSet bool
	// ties by readings per container, RSS.
	ties ties
	// several: the container named by RSS was the wrong one, and it has more than one process.
	several bool
	// Two popular rules for comparison, by readings per process.
	highestAdj, largest bool
}

// judge compares the first victim of a growth with the prediction from just before.
func (n *node) judge(p prediction, k kill) (j judgement, err error) {
	s, victim := k.before, k.victims[0]
	j.right = p.processes[0] == victim
	for _, by := range []struct {
		right   *bool
		reading func(facts.ContainerUsage) facts.ContainerUsage
	}{
		{&j.byRSS, func(u facts.ContainerUsage) facts.ContainerUsage { return u }},
		{&j.byWorkingSet, func(u facts.ContainerUsage) facts.ContainerUsage { u.RSS = facts.Unknown; return u }},
	} {
		order, at, err := n.predictByContainer(s, by.reading)
		if err != nil {
			return j, err
		}
		*by.right = at == [2]int{victim.pod, victim.container}
		if by.right == &j.byRSS {
			j.ties = n.tiesOf(order, victim)
			j.several = !j.byRSS && len(n.Pods[at[0]].Containers[at[1]].Processes) > 1
		}
	}
	bySize := func(a, b *process) int { return cmp.Compare(s.memory[a].sum(), s.memory[b].sum()) }
	j.largest = slices.MaxFunc(s.living, bySize) == victim
	j.highestAdj = victim == slices.MaxFunc(s.living, func(a, b *process) int {
		return cmp.Or(cmp.Compare(a.adj, b.adj), bySize(a, b))
	})
	return j, nil
}

// checkOrder holds every victim of a growth against the engine's order, above the margin. One step can kill twice:
// the later ones must have been next.
func (n *node) checkOrder(p prediction, k kill) error {
	for i, victim := range k.victims {
		if victim == n.outsider {
			continue // the last one left
		}
		behind, err := p.behind(victim, k.victims[:i])
		if err != nil {
			return err
		}
		if behind >= n.margin(n.Limit) || behind <= -n.margin(n.Limit) {
			return fmt.Errorf("the kernel killed %s, which the engine has %d pages of badness behind its next", n.nameOf(victim), behind/pageSize)
		}
	}
	return nil
}

// checkTable repeats the kernel's choice from its own figures, without any margin: oom.Badness alone is judged.
// It also notes how far those figures are from the readings just before.
func (n *node) checkTable(k kill, into *tally) error {
	victim := k.victims[0]
	if _, there := k.table[victim.pid()]; !there {
		return nil
	}
	into.tables++
	limit := n.stage.limit(n.Limit)
	badness := func(row taskRow) int64 { return oom.Badness(row.sum(), row.adj, limit) }
	for _, p := range k.before.living {
		row, there := k.table[p.pid()]
		if !there {
			continue
		}
		if row.adj != p.played {
			return fmt.Errorf("%s has oom_score_adj %d, not %d", n.nameOf(p), row.adj, p.played)
		}
		if b, most := badness(row), badness(k.table[victim.pid()]); b > most {
			return fmt.Errorf("by the kernel's own table %s (badness %d) comes before %s (%d)", n.nameOf(p), b, n.nameOf(victim), most)
		}
		if n.Grower < 0 || p != n.processes[n.Grower] {
			into.drift = max(into.drift, row.sum()-k.before.memory[p].sum(), k.before.memory[p].sum()-row.sum())
		}
	}
	into.agreeing++
	return nil
}

// describe is the scenario with the readings and who died, for the report of a failure.
func (n *node) describe(p prediction, k kill) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\npredicted order (pages; * died):\n", &n.scenario)
	for i, v := range p.order {
		mark := " "
		if slices.Contains(k.victims, p.processes[i]) {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %-14s adj %5d  memory %7d  badness %8d\n", mark, n.nameOf(p.processes[i]), v.Adj,
			k.before.memory[p.processes[i]].sum()/pageSize, v.Badness/pageSize)
	}
	return b.String()
}
