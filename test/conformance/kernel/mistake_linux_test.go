package kernel

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

const (
	// mistakeNumbers is where the numbers of scenarios against mistakes begin.
	mistakeNumbers = 2 * orderNumbers
	// fineAttempts is how often a scenario is tried whose gap is finer than the margin of readings.
	fineAttempts = 10
)

// fine reports whether readings are too coarse to tell the mistake from the rule, so that only the kernel's own table can.
func (m *mistake) fine() bool { return m.gap < drawMargin }

// TestMistakes: where a wrong rule names somebody else, the kernel follows the engine. Each mistake has to be refuted at least
// once; one that readings can tell, in each scenario.
func TestMistakes(t *testing.T) {
	g := onTestbed(t)
	for i := range mistakes {
		m := &mistakes[i]
		t.Run(m.name, func(t *testing.T) {
			tried, refuted := 0, 0
			for repeat := range max(1, *scenarios/40) {
				number := mistakeNumbers + uint64(i)*orderNumbers + uint64(repeat)
				if *only >= 0 && number != uint64(*only) {
					continue
				}
				tried++
				if g.refute(t, m, number) {
					refuted++
				}
			}
			found.contested += tried
			found.refuted += refuted
			if tried > 0 && refuted == 0 && !t.Failed() {
				t.Errorf("no attempt at %d scenarios came as planned and with the kernel's table", tried)
			}
		})
	}
}

// refute plays one scenario against a mistake. One with a gap finer than the margin is played until the planned victim dies and the
// kernel prints its table, which it does ten times in five seconds at most.
func (g *testbed) refute(t *testing.T, m *mistake, number uint64) bool {
	t.Helper()
	s, right, wrong := drawAgainst(*m, *seed, number)
	if !m.fine() {
		n, victim, _ := g.playAgainst(t, m, s)
		if victim == nil {
			return false
		}
		if victim != n.processes[right] {
			t.Errorf("%s should die and not %s, but %s did\n%v",
				n.nameOf(n.processes[right]), n.nameOf(n.processes[wrong]), n.nameOf(victim), s)
		}
		return victim == n.processes[right]
	}
	if !canReadKernelLog() {
		t.Skip("the kernel's log cannot be read here, and readings are too coarse to tell this mistake from the rule")
	}
	for range fineAttempts {
		n, victim, tables := g.playAgainst(t, m, s)
		if victim == nil {
			return false
		}
		if victim == n.processes[right] && tables > 0 {
			return true
		}
		t.Logf("scenario %d: %s died, planned was %s; the kernel printed %d tables",
			s.Number, n.nameOf(victim), n.nameOf(n.processes[right]), tables)
		time.Sleep(time.Second)
	}
	return false
}

// playAgainst plays a scenario up to the first kill. The victim is nil on a failure.
func (g *testbed) playAgainst(t *testing.T, m *mistake, s *scenario) (n *node, victim *process, tables int) {
	t.Helper()
	n, done := g.play(t, s)
	defer done()
	if n == nil {
		return nil, nil, 0
	}
	if m.fine() {
		if err := errors.Join(n.level(), n.level()); err != nil { // page tables grow with the first
			t.Error(err)
			return n, nil, 0
		}
	}
	into := &tally{}
	victim = n.judgePush(t, into)
	return n, victim, into.tables
}

// level gives the processes the distances in badness that were planned, by the figures that the kernel weighs: each process but
// the one that is furthest above its plan takes some more memory.
func (n *node) level() error {
	above := make([]int64, len(n.processes))
	for i, p := range n.scenario.planned() {
		weighed, err := n.processes[i].weighed()
		if err != nil {
			return fmt.Errorf("%s: %w", n.nameOf(n.processes[i]), err)
		}
		above[i] = weighOn(n.stage.limit(n.Limit), weighed, n.processes[i].played) - n.badness(p)*pageSize
	}
	most := slices.Max(above)
	for i, p := range n.processes {
		if more := whole(most - above[i]); more > 0 {
			if err := p.do("map", more); err != nil {
				return fmt.Errorf("%s: %w", n.nameOf(p), err)
			}
		}
	}
	return nil
}
