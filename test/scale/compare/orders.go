package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

const ordersPath = "/apis/killorder.io/v1alpha1/nodekillorders"

// order is the last version of one order that the watch has shown.
type order struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Status   json.RawMessage   `json:"status"`
}

func (o *order) written() bool { return len(o.Status) > len("{}") }

// orders watches all orders: what was written, when and how often, as the API server tells it.
type orders struct {
	client rest.Interface

	mu   sync.Mutex
	last map[string]order
	// changes counts objects that came or changed; first is when so many of them had a status for the first time.
	changes int
	first   []time.Time
	stopped error
	// version is the resourceVersion up to which the watch has shown everything, "" before the first event. Only the watch uses it.
	version string
	// noise counts the fields that changed in writes to orders that had been written before; nil before countFields.
	noise changes
	// changed is called with each order that came or changed, if anybody asks.
	changed func(*order)
}

// watchOrders begins to watch, until the context ends.
func watchOrders(ctx context.Context, client rest.Interface) *orders {
	o := &orders{client: client, last: map[string]order{}}
	go func() {
		for ctx.Err() == nil {
			err := o.watch(ctx)
			o.mu.Lock()
			o.stopped = err
			o.mu.Unlock()
			time.Sleep(50 * time.Millisecond) // an API server that restarts is asked again
		}
	}()
	return o
}

// watch until the API server ends the watch, and go on from where the last one ended. An API server ends a watch whose client is
// slower than the writes: all orders from the start, 150 MB of 5,000 nodes, would make the client slower still.
func (o *orders) watch(ctx context.Context) error {
	stream, err := o.client.Get().AbsPath(ordersPath).Param("watch", "true").Param("resourceVersion", o.version).Stream(ctx)
	if err != nil {
		o.version = ""
		return err
	}
	defer func() { _ = stream.Close() }()
	for text := range received(stream) {
		var event struct {
			Type   string `json:"type"`
			Object order  `json:"object"`
		}
		if err := json.Unmarshal(text, &event); err != nil {
			return err
		}
		if event.Type == "ERROR" { // the version is too old by now
			o.version = ""
			return fmt.Errorf("watch of orders: %s", text)
		}
		o.version = event.Object.Metadata.ResourceVersion
		o.take(event.Type, event.Object)
	}
	return io.EOF
}

// received yields the events of a stream. It reads ahead of whoever looks at them, so that the API server does not wait.
func received(stream io.Reader) <-chan json.RawMessage {
	events := make(chan json.RawMessage, 20_000)
	go func() {
		defer close(events)
		for from := json.NewDecoder(stream); ; {
			var event json.RawMessage
			if from.Decode(&event) != nil {
				return // the stream has ended
			}
			events <- event
		}
	}()
	return events
}

func (o *orders) take(kind string, now order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was, known := o.last[now.Metadata.Name]
	switch {
	case kind == "DELETED":
		delete(o.last, now.Metadata.Name)
		return
	case kind != "ADDED" && kind != "MODIFIED", known && was.Metadata.ResourceVersion == now.Metadata.ResourceVersion:
		return
	}
	o.changes++
	if o.noise != nil && was.written() {
		o.noise.add(was, now)
	}
	if now.written() && !was.written() {
		o.first = append(o.first, time.Now())
	}
	o.last[now.Metadata.Name] = now
	if o.changed != nil {
		o.changed(&now)
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

// complete returns when the first of so many orders was written, and the last, or an error that says how many are.
func (o *orders) complete(n int) (first, last time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.first) < n {
		return first, last, fmt.Errorf("%d of %d orders are written; watch: %w", len(o.first), n, o.stopped)
	}
	return o.first[0], o.first[n-1], nil
}

// gone returns an error while there are orders.
func (o *orders) gone(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.last); n > 0 {
		return fmt.Errorf("%d orders are left", n)
	}
	o.first = nil
	return nil
}
