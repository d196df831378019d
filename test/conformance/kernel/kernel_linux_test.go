package kernel

import (
	"testing"
	"time"
)

// tolerated failures before a test gives up: each prints a scenario.
const tolerated = 3

// each plays count scenarios from number first on, or only the one that was asked for.
func each(t *testing.T, first uint64, count int, play func(s *scenario) bool) {
	t.Helper()
	if *only >= 0 {
		if number := uint64(*only); number >= first && number < first+orderNumbers {
			play(draw(*seed, number))
		}
		return
	}
	start, failures := time.Now(), 0
	for i := range count {
		if !play(draw(*seed, first+uint64(i))) {
			failures++
		}
		if failures == tolerated {
			t.Fatalf("gave up after %d failures", failures)
		}
		if done := i + 1; done%50 == 0 || done == count {
			t.Logf("%d of %d scenarios, %.2f s each", done, count, time.Since(start).Seconds()/float64(done))
		}
	}
}

// TestFirstVictim: the kernel's first victim on random nodes is the engine's.
func TestFirstVictim(t *testing.T) {
	g := onTestbed(t)
	each(t, 0, *scenarios, func(s *scenario) bool {
		n, done := g.play(t, s)
		defer done()
		return n != nil && n.judgePush(t, &found.first) != nil
	})
	found.first.sane(t)
}

// TestWholeOrder: killed one after another, every victim is the engine's next.
func TestWholeOrder(t *testing.T) {
	g := onTestbed(t)
	each(t, orderNumbers, (*scenarios+3)/4, func(s *scenario) bool {
		s.stopGrower() // the trigger has to survive
		found.orders++
		n, done := g.play(t, s)
		defer done()
		if n == nil || !n.killAll(t) {
			return false
		}
		found.whole++
		return true
	})
}

// killAll pushes until one process is left.
func (n *node) killAll(t *testing.T) bool {
	t.Helper()
	for n.living() > 1 {
		if n.judgePush(t, &found.order) == nil {
			return false
		}
	}
	return true
}

func (n *node) living() (count int) {
	for _, p := range n.processes {
		if p.alive() {
			count++
		}
	}
	return count
}

// play sets a scenario up; done tears it down, and n is nil where it failed.
func (g *testbed) play(t *testing.T, s *scenario) (n *node, done func()) {
	t.Helper()
	n, err := setUp(onPods(s), g.stage, g.base)
	done = func() {
		if err := n.tearDown(); err != nil {
			t.Errorf("tear down: %v", err)
		}
	}
	if err != nil {
		t.Errorf("set up: %v\n%v", err, s)
		return nil, done
	}
	return n, done
}

// judgePush pushes the node to a kill and compares the victims with the engine's order. It returns the first, nil
// on a failure.
func (n *node) judgePush(t *testing.T, into *tally) *process {
	t.Helper()
	var p prediction
	k, err := n.growUntilKill()
	fail := func(err error) *process {
		t.Helper()
		t.Errorf("%v\n%s", err, n.describe(p, k))
		return nil
	}
	if err != nil {
		return fail(err)
	}
	if p, err = n.predict(k.before); err != nil {
		return fail(err)
	}
	into.double += len(k.victims) - 1
	j, err := n.judge(p, k)
	if err == nil {
		into.add(j)
		err = n.checkOrder(p, k)
	}
	if err == nil {
		err = n.checkTable(k, into)
	}
	if err != nil {
		return fail(err)
	}
	return k.victims[0]
}
