package kernel

import (
	"fmt"
	"strings"
	"testing"
)

// tally counts judgements of single kills.
type tally struct {
	played, right                            int
	byRSS, byWorkingSet, highestAdj, largest int
	ties                                     tieTally
	// several counts container sums that were wrong and named a container of several processes.
	several int
	// double counts further kills in one step: the first one counts, but the others must have been next.
	double int
	// tables the kernel printed, and how many of them agree with Badness without any margin.
	tables, agreeing int
	// drift is the largest difference in bytes between a reading and the kernel's own figure.
	drift int64
}

func (f *tally) add(j judgement) {
	f.played++
	f.ties.add(j.ties)
	for _, c := range []struct {
		count *int
		yes   bool
	}{
		{&f.right, j.right},
		{&f.byRSS, j.byRSS},
		{&f.byWorkingSet, j.byWorkingSet},
		{&f.highestAdj, j.highestAdj},
		{&f.largest, j.largest},
		{&f.several, j.several},
	} {
		if c.yes {
			*c.count++
		}
	}
}

// report is what this run found; TestMain prints it last.
type report struct {
	// skipped says why nothing was played.
	skipped error
	first   tally
	// order counts the kills of TestWholeOrder, of whole scenarios of orders.
	order         tally
	whole, orders int
	story, tales  int
	// refuted mistakes, of the scenarios drawn against one.
	refuted, contested int
	// scores equal to the kernel's, of those compared, and off by one.
	scores, equal, offByOne int
	// machines of their own.
	machines []*machineJudge
}

var found report

// String is the closing lines.
func (r *report) String() string {
	var b strings.Builder
	if r.skipped != nil {
		fmt.Fprintf(&b, "kernel conformance: skipped: %v\n", r.skipped)
	}
	if opened != nil && opened.base != nil && r.first.played+r.orders+r.tales+r.contested > 0 {
		r.judged(&b, opened)
	}
	if r.scores > 0 {
		fmt.Fprintf(&b, "kernel %s: oom_score equals the engine's in %d of %d, off by one in %d\n",
			kernelVersion(), r.equal, r.scores, r.offByOne)
	}
	for _, j := range r.machines {
		b.WriteString(j.String())
	}
	return b.String()
}

func (r *report) judged(b *strings.Builder, g *testbed) {
	line := func(format string, args ...any) {
		fmt.Fprintf(b, "kernel %s cgroup v%d: "+format+"\n", append([]any{g.kernel, g.base.version}, args...)...)
	}
	how := "as they are"
	if !g.real {
		how = "as (adj+1000)/2 on a doubled node"
	}
	f, o := &r.first, &r.order
	line("seed %d, oom_score_adj written %s", *seed, how)
	line("first victim right in %d of %d (per process), %d of %d (per container sum); whole order %d of %d; story %d of %d",
		f.right, f.played, f.byRSS, f.played, r.whole, r.orders, r.story, r.tales)
	line("%d of the %d wrong container sums name a container of several processes, each of which the kernel weighs alone",
		f.several, f.played-f.byRSS)
	f.ties.say(line, f.played)
	line("per container sum of working sets instead of RSS %d of %d; 'highest adj first' %d, 'largest memory first' %d",
		f.byWorkingSet, f.played, f.highestAdj, f.largest)
	line("another was killed than predicted, but within the margin: %d of %d first victims, %d of %d in whole orders; further kills in one step: %d",
		f.played-f.right, f.played, o.played-o.right, o.played, f.double+o.double)
	line("where one of %d wrong rules names another victim, the kernel follows the engine in %d of %d", len(mistakes), r.refuted, r.contested)
	line("badness agrees with the kernel's own table in %d of %d (no margin); readings differ from it by up to %d pages",
		f.agreeing+o.agreeing, f.tables+o.tables, max(f.drift, o.drift)/pageSize)
}

// sane holds container sums to no more than sanity: they are an estimate, but not a coin.
func (f *tally) sane(t *testing.T) {
	t.Helper()
	if f.played >= 20 && (f.byRSS*2 < f.played || f.byWorkingSet*2 < f.played) {
		t.Errorf("container sums are right in %d (RSS) and %d (working set) of %d only", f.byRSS, f.byWorkingSet, f.played)
	}
}
