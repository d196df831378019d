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
)

// EventBudget bounds the Events of the cluster and of each namespace. The zero value is full.
type EventBudget struct {
	mu         sync.Mutex
	cluster    *rate.Limiter
	namespaces map[string]*rate.Limiter
}

// Allow takes one Event from the budgets of the namespace and of the cluster, and reports whether both had one left.
func (b *EventBudget) Allow(namespace string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cluster == nil {
		b.cluster, b.namespaces = rate.NewLimiter(eventsPerSecond, eventBurst), map[string]*rate.Limiter{}
	}
	if b.cluster.TokensAt(now) < 1 {
		return false
	}
	own := b.namespaces[namespace]
	if own == nil {
		b.forget(now)
		own = rate.NewLimiter(namespaceEventsPerSecond, namespaceEventBurst)
		b.namespaces[namespace] = own
	}
	return own.AllowN(now, 1) && b.cluster.AllowN(now, 1)
}

// forget drops the budgets that are full again: a new one is full too.
func (b *EventBudget) forget(now time.Time) {
	if len(b.namespaces) < mostNamespaces {
		return
	}
	for name, l := range b.namespaces {
		if l.TokensAt(now) >= namespaceEventBurst {
			delete(b.namespaces, name)
		}
	}
}
