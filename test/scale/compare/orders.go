package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// order is the last version of one order that the watch has shown.
type order struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Status   json.RawMessage   `json:"status"`
}

func (o *order) written() bool { return len(o.Status) > len("{}") }

// GetResourceVersion is that of the order's metadata.
func (o *order) GetResourceVersion() string { return o.Metadata.ResourceVersion }

// orders watches all orders: what was written, when and how often, as the API server tells it.
type orders struct {
	mu   sync.Mutex
	last map[string]order
	// changes counts objects that came or changed. first is when the watch showed a status of each node's order for the first time.
	changes int
	first   map[string]time.Time
	// stopped is why the watch ended last; nil while the watch shows orders.
	stopped error
	// noise counts the fields that changed in writes to orders that had been written before; nil before countFields.
	noise changes
	// changed is called with each order that came or changed, if anybody asks.
	changed func(*order)
}

func newOrders() *orders { return &orders{last: map[string]order{}, first: map[string]time.Time{}} }

// watchOrders begins to watch, until the context ends.
func watchOrders(ctx context.Context, client rest.Interface) *orders {
	o := newOrders()
	go func() {
		var version string
		again(ctx, func() { o.ended(follow(ctx, client, ordersPath, &version, o.take)) })
	}()
	return o
}

// ended notes why the watch has ended.
func (o *orders) ended(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = err
}

// take an event of the watch.
func (o *orders) take(kind string, now *order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = nil
	node := now.Metadata.Name
	was, known := o.last[node]
	switch {
	case kind == "DELETED":
		delete(o.last, node)
		delete(o.first, node)
		return
	case kind != "ADDED" && kind != "MODIFIED", known && was.Metadata.ResourceVersion == now.Metadata.ResourceVersion:
		return
	}
	o.changes++
	if o.noise != nil && was.written() {
		o.noise.add(was, *now)
	}
	if now.written() && o.first[node].IsZero() {
		o.first[node] = time.Now()
	}
	o.last[node] = *now
	if o.changed != nil {
		o.changed(now)
	}
}

// onChange begins to call a function with each order that comes or changes.
func (o *orders) onChange(call func(*order)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed = call
}

// writes returns how many writes the watch has shown.
func (o *orders) writes() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changes
}

// countFields begins to count the fields that change.
func (o *orders) countFields() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.noise = changes{}
}

// counted returns the fields that have changed since, the most frequent ones first.
func (o *orders) counted() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.noise.String()
}

// all returns the orders as they are now, by node.
func (o *orders) all() map[string]order {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.last)
}

// complete returns when the first of so many orders was written, and the last, or an error that says how many are. An order that was
// deleted does not count, and one that was deleted and created again counts once, from then on.
func (o *orders) complete(n int) (first, last time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.first) < n {
		err = fmt.Errorf("%d of %d orders are written", len(o.first), n)
		if o.stopped != nil {
			err = fmt.Errorf("%w; the watch has ended: %w", err, o.stopped)
		}
		return first, last, err
	}
	written := slices.SortedFunc(maps.Values(o.first), time.Time.Compare)
	return written[0], written[n-1], nil
}

// gone returns an error while there are orders.
func (o *orders) gone(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.last); n > 0 {
		return fmt.Errorf("%d orders are left", n)
	}
	return nil
}
