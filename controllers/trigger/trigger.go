// Package trigger enqueues names into a controller for reasons other than a watched object: a changed pod in the pod
// cache, a pass over the readings, a turn that the write gate grants.
package trigger

import (
	"context"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Queue of a controller.
type Queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Trigger is a way into one controller's queue. Before the controller starts, a Trigger drops names: a controller looks
// at every object when it starts.
type Trigger struct {
	q atomic.Pointer[Queue]
}

// Request returns the request for a cluster-scoped object.
func Request(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}

// Source connects the trigger to a controller, and enqueues the given names when the controller starts.
func (t *Trigger) Source(names ...string) source.Source {
	return source.Func(func(_ context.Context, q Queue) error {
		t.q.Store(&q)
		for _, name := range names {
			q.Add(Request(name))
		}
		return nil
	})
}

// Add enqueues a name.
func (t *Trigger) Add(name string) {
	if q := t.q.Load(); q != nil {
		(*q).Add(Request(name))
	}
}

// AddFirst enqueues a name ahead of others.
func (t *Trigger) AddFirst(name string) {
	q := t.q.Load()
	if q == nil {
		return
	}
	if first, ok := (*q).(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		first.AddWithOpts(priorityqueue.AddOpts{Priority: new(1)}, Request(name))
		return
	}
	(*q).Add(Request(name))
}
