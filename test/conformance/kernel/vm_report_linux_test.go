package kernel

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// kindTally counts what was judged of one kind of scenes.
type kindTally struct {
	kind string
	// scenes played; toLast: those killed to the last process, and whole: those of them without a wrong victim.
	scenes, toLast, whole int
	// kills; clear: the first victim led by the margin or more; right: it was the engine's, clear or not.
	kills, clear, clearRight, right int
	// bySum: right where each container is weighed by the sum of its processes.
	bySum int
	// belowZero: kills of a process whose oom_score_adj is below 0; lowest: the lowest oom_score_adj that was weighed.
	belowZero int
	lowest    int32
	// tables that the kernel printed, and those that agree without a margin; drift is the largest difference in bytes
	// between a reading and the table.
	tables, agreeing int
	drift            int64
	// oom_scores compared, equal, and off by one.
	scored, equal, offByOne int
}

func (j *machineJudge) tallyOf(kind string) *kindTally {
	if i := slices.IndexFunc(j.kinds, func(k *kindTally) bool { return k.kind == kind }); i >= 0 {
		return j.kinds[i]
	}
	j.kinds = append(j.kinds, &kindTally{kind: kind})
	return j.kinds[len(j.kinds)-1]
}

func (k *kindTally) kill(s *scene, o *observation, all []candidate, v *verdict) {
	k.kills++
	if v.right {
		k.right++
	}
	if v.clear {
		k.clear++
		if v.right {
			k.clearRight++
		}
	}
	for i := range all {
		k.lowest = min(k.lowest, all[i].adj)
		if all[i].process == o.Victims[0] && all[i].adj < 0 {
			k.belowZero++
		}
	}
	sums := wrongRules[slices.IndexFunc(wrongRules, func(r rule) bool { return r.name == sumOfContainer })].weights(s, all)
	named, victim := &all[largest(sums)], slices.IndexFunc(all, func(c candidate) bool { return c.process == o.Victims[0] })
	if victim >= 0 && named.pod == all[victim].pod && named.container == all[victim].container {
		k.bySum++
	}
}

func (k *kindTally) String() string {
	whole := ""
	if kindNamed(k.kind).all {
		whole = fmt.Sprintf("whole order %d of %d; ", k.whole, k.toLast)
	}
	return fmt.Sprintf("first victim right in %d of %d above the margin, %d of %d in all, %d per container sum; %s"+
		"kernel's own table %d of %d; oom_score equal in %d of %d, off by one in %d; readings stray by up to %d pages; oom_score_adj from %d, victims below 0: %d",
		k.clearRight, k.clear, k.right, k.kills, k.bySum, whole, k.agreeing, k.tables, k.equal, k.scored, k.offByOne, k.drift/pageSize,
		k.lowest, k.belowZero)
}

// add another tally to this one.
func (k *kindTally) add(other *kindTally) {
	for _, c := range []struct{ into, from *int }{
		{&k.scenes, &other.scenes},
		{&k.toLast, &other.toLast},
		{&k.whole, &other.whole},
		{&k.kills, &other.kills},
		{&k.clear, &other.clear},
		{&k.clearRight, &other.clearRight},
		{&k.right, &other.right},
		{&k.bySum, &other.bySum},
		{&k.belowZero, &other.belowZero},
		{&k.tables, &other.tables},
		{&k.agreeing, &other.agreeing},
		{&k.scored, &other.scored},
		{&k.equal, &other.equal},
		{&k.offByOne, &other.offByOne},
	} {
		*c.into += *c.from
	}
	k.drift, k.lowest = max(k.drift, other.drift), min(k.lowest, other.lowest)
}

// String is the closing lines of a machine.
func (j *machineJudge) String() string {
	if j.running == nil {
		return ""
	}
	var b strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, "kernel %s cgroup v%d: "+format+"\n", append([]any{j.kernel, j.version}, args...)...)
	}
	all := &kindTally{kind: sceneKinds[0].name}
	place := func(k *kindTally) int {
		return slices.IndexFunc(sceneKinds, func(one kind) bool { return one.name == k.kind })
	}
	slices.SortFunc(j.kinds, func(a, c *kindTally) int { return cmp.Compare(place(a), place(c)) })
	for _, k := range j.kinds {
		line("%s: %v", k.kind, k)
		all.add(k)
	}
	line("seed %d, %d scenes: %v", *seed, all.scenes, all)
	for i := range wrongRules {
		if name := wrongRules[i].name; j.refuted[name] > 0 {
			line("%q is refuted by %d of %d kills", name, j.refuted[name], j.kills)
		}
	}
	return b.String()
}

// describeSeen is what was read before a kill, with the engine's order, for the report of a failure.
func describeSeen(s *scene, o *observation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "constraint %s, ran out %q, killed %v; in pages:\n", o.Constraint, o.Ran, o.Victims)
	all := o.candidates(s)
	slices.SortFunc(all, func(a, c candidate) int { return cmp.Compare(s.weigh(&c), s.weigh(&a)) })
	for i := range all {
		c := &all[i]
		mark := " "
		if slices.Contains(o.Victims, c.process) {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %-34s adj %5d  memory %7d, of that swapped %6d  badness %8d  in the kernel's table %d\n", mark, s.nameOf(c), c.adj,
			c.sum/pageSize, c.Swapped/pageSize, s.weigh(c)/pageSize, o.Table[c.process].Sum/pageSize)
	}
	return b.String()
}
