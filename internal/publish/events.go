package publish

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Bounds of the Events that the operator creates. A namespace has a fifth of what the cluster has, so that a tenant whose
// pods come and go leaves room for the Events of others.
const (
	eventsPerSecond          = 5
	eventBurst               = 50
	namespaceEventsPerSecond = 1
	namespaceEventBurst      = 10
	// mostNamespaces is how many namespaces have a budget of their own at a time; those that have not used theirs for
	// long enough to be full again are forgotten first.
	mostNamespaces = 1024
	// firstWait is how long a namespace waits after an Event that failed. Each further failure doubles the wait, up to mostWait.
	firstWait = time.Second
	mostWait  = 32 * time.Second
)

// EventBudget bounds the Events of the cluster and of each namespace. A namespace that takes no Events (a quota, an admission
// webhook that fails) is tried less and less often, so that such namespaces leave the cluster's budget to others. The zero value
// is full.
type EventBudget struct {
	mu         sync.Mutex
	cluster    *rate.Limiter
	namespaces map[string]*namespaceBudget
}

// namespaceBudget is the budget of one namespace. After a failure it gives nothing until a time.
type namespaceBudget struct {
	*rate.Limiter
	wait  time.Duration
	until time.Time
}

// Failed notes that the namespace did not take an Event that Allow had allowed. The namespace then waits.
func (b *EventBudget) Failed(namespace string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if own := b.namespaces[namespace]; own != nil {
		own.wait = min(max(2*own.wait, firstWait), mostWait)
		own.until = now.Add(own.wait)
	}
}

// Created notes that the namespace took an Event. The wait after its next failure is short again.
func (b *EventBudget) Created(namespace string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if own := b.namespaces[namespace]; own != nil {
		own.wait = 0
	}
}

// Allow takes one Event from the budgets of the namespace and of the cluster. ok reports whether both had one left and the namespace
// does not wait. giveBack gives the Event back, if it turns out that nobody is told anything new.
func (b *EventBudget) Allow(namespace string, now time.Time) (giveBack func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cluster == nil {
		b.cluster, b.namespaces = rate.NewLimiter(eventsPerSecond, eventBurst), map[string]*namespaceBudget{}
	}
	if b.cluster.TokensAt(now) < 1 {
		return nil, false
	}
	own := b.namespaces[namespace]
	if own == nil {
		b.forget(now)
		own = &namespaceBudget{Limiter: rate.NewLimiter(namespaceEventsPerSecond, namespaceEventBurst)}
		b.namespaces[namespace] = own
	}
	if now.Before(own.until) || own.TokensAt(now) < 1 {
		return nil, false
	}
	one, ofAll := own.ReserveN(now, 1), b.cluster.ReserveN(now, 1)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		one.CancelAt(now)
		ofAll.CancelAt(now)
	}, true
}

// forget drops the budgets that are full again: a new one is full too.
func (b *EventBudget) forget(now time.Time) {
	if len(b.namespaces) < mostNamespaces {
		return
	}
	for name, l := range b.namespaces {
		if l.TokensAt(now) >= namespaceEventBurst && !now.Before(l.until) {
			delete(b.namespaces, name)
		}
	}
}
