package kernel

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine/oom"
)

// split is a rule for how little of a container's memory its largest process may hold. By the rule, containers are tied with the
// first if their sum is more than the least of every container.
type split struct {
	name  string
	least func(memory int64, processes int) int64
}

// splits, from what is known without asking the processes to what only they could tell.
var splits = []split{
	{"any split", func(int64, int) int64 { return 0 }},
	{"half in one process", func(memory int64, _ int) int64 { return memory / 2 }},
	{"the number of processes known", func(memory int64, processes int) int64 { return memory / int64(processes) }},
}

// ties says of each rule of splits whether the victim is first or tied with the first, and how many containers are.
type ties struct {
	holds [3]bool
	width [3]int
	of    int
}

func (n *node) tiesOf(order []oom.Victim, victim *process) (t ties) {
	t.of = len(order)
	for r, rule := range splits {
		most := order[0].Badness - order[0].Usage - order[0].Swap
		for i := range order {
			memory := order[i].Usage + order[i].Swap
			most = max(most, order[i].Badness-memory+rule.least(memory, n.processesOf(&order[i])))
		}
		for i := range order {
			if order[i].Badness < most {
				continue
			}
			t.width[r]++
			t.holds[r] = t.holds[r] || (n.Pods[victim.pod].Name == order[i].Name && victim.container == order[i].Container)
		}
	}
	return t
}

// processesOf a container, 1 at least.
func (n *node) processesOf(v *oom.Victim) int {
	for i := range n.Pods {
		if n.Pods[i].Name == v.Name {
			return max(len(n.Pods[i].Containers[v.Container].Processes), 1)
		}
	}
	return 1
}

// tieTally sums up ties.
type tieTally struct {
	holds, width [3]int
	of           int
}

func (t *tieTally) add(one ties) {
	t.of += one.of
	for r := range splits {
		t.width[r] += one.width[r]
		if one.holds[r] {
			t.holds[r]++
		}
	}
}

func (t *tieTally) say(line func(format string, args ...any), played int) {
	if played == 0 {
		return
	}
	for r, rule := range splits {
		line("ties by container sums, %s: the victim is first or tied with the first in %d of %d; tied are %s of %s containers on the average",
			rule.name, t.holds[r], played, mean(t.width[r], played), mean(t.of, played))
	}
}

func mean(sum, count int) string { return fmt.Sprintf("%.1f", float64(sum)/float64(count)) }
