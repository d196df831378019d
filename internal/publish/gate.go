package publish

import (
	"context"
	"sync"

	"golang.org/x/time/rate"
)

// Gate lets status writes through at a bounded rate, nodes at risk first. The name of a node that may not write yet
// waits in the gate; when the node's turn comes, the gate hands the name to enqueue, and the status is decided anew.
type Gate struct {
	limiter *rate.Limiter
	enqueue func(node string)
	wake    chan struct{}

	mu      sync.Mutex
	turn    uint64
	waiting map[string]place
	granted map[string]bool
}

// place is a node's place in the queue: nodes at risk go first, then first come, first served.
type place struct {
	atRisk bool
	turn   uint64
}

func (p place) before(q place) bool {
	if p.atRisk != q.atRisk {
		return p.atRisk
	}
	return p.turn < q.turn
}

// NewGate makes a gate that allows perSecond writes a second, and as many at once after a quiet second.
func NewGate(perSecond float64, enqueue func(node string)) *Gate {
	return &Gate{
		limiter: rate.NewLimiter(rate.Limit(perSecond), max(int(perSecond), 1)),
		enqueue: enqueue,
		wake:    make(chan struct{}, 1),
		waiting: map[string]place{},
		granted: map[string]bool{},
	}
}

// Admit reports whether the node may write now. If not, the node is enqueued when its turn comes.
func (g *Gate) Admit(node string, atRisk bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.granted[node] {
		delete(g.granted, node)
		return true
	}
	if len(g.waiting) == 0 && g.limiter.Allow() {
		return true
	}
	p, queued := g.waiting[node]
	if !queued {
		g.turn++
		p.turn = g.turn
	}
	p.atRisk = atRisk
	g.waiting[node] = p
	select {
	case g.wake <- struct{}{}:
	default:
	}
	return false
}

// Withdraw gives up the node's place: the node has nothing to write any more.
func (g *Gate) Withdraw(node string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.waiting, node)
	delete(g.granted, node)
}

// Charge takes one more write from the budget, for a new object, which takes two writes.
func (g *Gate) Charge() { g.limiter.Reserve() }

// Waiting counts the nodes that wait for their turn.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// Start grants turns until the context ends.
func (g *Gate) Start(ctx context.Context) error {
	for {
		if g.Waiting() == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-g.wake:
				continue
			}
		}
		if err := g.limiter.Wait(ctx); err != nil {
			return nil //nolint:nilerr // only the context's end fails a wait for one token
		}
		if node, ok := g.grant(); ok {
			g.enqueue(node)
		}
	}
}

func (g *Gate) grant() (node string, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for n, p := range g.waiting {
		if !ok || p.before(g.waiting[node]) {
			node, ok = n, true
		}
	}
	if ok {
		delete(g.waiting, node)
		g.granted[node] = true
	}
	return node, ok
}
