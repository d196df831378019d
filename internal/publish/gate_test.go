package publish

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// turns records who was granted one.
type turns struct {
	mu    sync.Mutex
	nodes []string
}

func (t *turns) add(node string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nodes = append(t.nodes, node)
}

func (t *turns) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.nodes)
}

// A storm of nodes that all want to write passes at the rate, those at risk first, and nobody is lost.
func TestGateLetsAStormThroughInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		const rate, nodes = 10, 200
		var turns turns
		g := NewGate(rate, turns.add)
		go func() { _ = g.Start(ctx) }()

		admitted := 0
		for i := range nodes {
			if g.Admit(fmt.Sprintf("calm-%03d", i), false) {
				admitted++
			}
		}
		for i := range 5 {
			g.Admit(fmt.Sprintf("risk-%d", i), true)
		}
		if admitted != rate {
			t.Errorf("a burst of %d passes, want %d", admitted, rate)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		granted := turns.all()
		if got := granted[:5]; !slices.Equal(got, []string{"risk-0", "risk-1", "risk-2", "risk-3", "risk-4"}) {
			t.Errorf("the first turns went to %v", got)
		}
		if n := len(granted); n < rate-1 || n > rate+1 {
			t.Errorf("%d turns in a second, want %d", n, rate)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		granted = turns.all()
		if len(granted)+admitted != nodes+5 || g.Waiting() != 0 {
			t.Errorf("%d admitted, %d turns, %d waiting", admitted, len(granted), g.Waiting())
		}
		for _, node := range granted {
			if !g.Admit(node, false) {
				t.Fatalf("%s had its turn and is not admitted", node)
			}
		}
	})
}

func TestGateForgetsWhoWithdraws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var turns turns
		g := NewGate(1, turns.add)
		go func() { _ = g.Start(ctx) }()
		g.Admit("first", false)
		g.Admit("gone", false)
		g.Admit("stays", false)
		g.Withdraw("gone")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if granted := turns.all(); !slices.Equal(granted, []string{"stays"}) {
			t.Errorf("turns went to %v", granted)
		}
	})
}
