package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/status"
	"github.com/killorder/killorder/test/scale/figures"
)

// promotion is a pod that was first to be evicted and became critical: from then on its node's order has to say so.
type promotion struct {
	node, namespace, pod string
	changed, shown, told time.Time
}

// promotions are those under way, by the pod's UID.
type promotions struct {
	mu  sync.Mutex
	all map[types.UID]*promotion
}

// latency makes the first victim of each node critical, so many a second, and measures how long the API server takes to show
// that in the node's order, and as an Event. The Events of a namespace are bounded (publish.EventBudget), so there are fewer.
func (b *bench) latency(ctx context.Context) error {
	if b.Promote == 0 {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	first, err := b.firstVictims()
	if err != nil {
		return err
	}
	p := &promotions{all: first}
	b.orders.onChange(p.seen)
	if err := p.watchEvents(ctx, b); err != nil {
		return err
	}
	if err := p.promoteAll(ctx, b); err != nil {
		return err
	}
	err = b.cluster.WaitUntil(ctx, 2*time.Minute, "orders that say so", func(context.Context) error { return p.left() })
	b.Latency = &figures.Latency{Rate: b.Promote}
	b.Latency.Shown, b.Latency.Told = p.seconds()
	fmt.Fprintf(b.Progress, "seconds to %d of %d orders: %.3f\nto %d Events: %.3f\n",
		len(b.Latency.Shown), len(first), b.Latency.Shown, len(b.Latency.Told), b.Latency.Told)
	return err
}

// firstVictims of the nodes, by UID, that no order counts among those at risk.
func (b *bench) firstVictims() (map[types.UID]*promotion, error) {
	first := map[types.UID]*promotion{}
	for node, o := range b.orders.all() {
		var s v1alpha1.NodeKillOrderStatus
		if err := json.Unmarshal(o.Status, &s); err != nil {
			return nil, fmt.Errorf("order of %s: %w", node, err)
		}
		if len(s.EvictionOrder) > 0 && !s.EvictionOrder[0].Critical {
			v := &s.EvictionOrder[0]
			first[v.UID] = &promotion{node: node, namespace: v.Namespace, pod: v.Pod}
		}
	}
	if len(first) == 0 {
		return nil, fmt.Errorf("none of %d nodes has a first victim that is not critical", b.Options.Nodes)
	}
	return first, nil
}

// promoteAll makes a pod critical whenever it is time for the next one, whether or not the API server has answered the last one.
func (p *promotions) promoteAll(ctx context.Context, b *bench) error {
	next := time.NewTicker(time.Duration(float64(time.Second) / b.Promote))
	defer next.Stop()
	var failed atomic.Pointer[error]
	var requests sync.WaitGroup
	for _, uid := range slices.Sorted(maps.Keys(p.all)) {
		requests.Go(func() {
			if err := p.promote(ctx, b, uid); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
		select {
		case <-ctx.Done():
		case <-next.C:
		}
	}
	requests.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// promote makes a pod critical, by the label that the default policy looks for.
func (p *promotions) promote(ctx context.Context, b *bench, uid types.UID) error {
	p.mu.Lock()
	pod := p.all[uid]
	pod.changed = time.Now()
	p.mu.Unlock()
	label := []byte(`{"metadata":{"labels":{"killorder.io/critical":"true"}}}`)
	_, err := b.cluster.Client().CoreV1().Pods(pod.namespace).Patch(ctx, pod.pod, types.MergePatchType, label, metav1.PatchOptions{})
	return err
}

// seen notes which of the pods an order counts among those at risk.
func (p *promotions) seen(o *order) {
	var s v1alpha1.NodeKillOrderStatus
	if json.Unmarshal(o.Status, &s) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range s.AtRisk {
		if e := &s.AtRisk[i]; p.all[e.UID] != nil && p.all[e.UID].shown.IsZero() {
			p.all[e.UID].shown = time.Now()
		}
	}
}

func (p *promotions) watchEvents(ctx context.Context, b *bench) error {
	reason := metav1.ListOptions{FieldSelector: "reason=" + status.EventCriticalPodAtRisk}
	events, err := b.cluster.Client().EventsV1().Events("").Watch(ctx, reason)
	if err != nil {
		return err
	}
	go func() {
		for change := range events.ResultChan() {
			if e, is := change.Object.(*eventsv1.Event); is {
				p.heard(e.Regarding.UID)
			}
		}
	}()
	return nil
}

func (p *promotions) heard(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pod := p.all[uid]; pod != nil && pod.told.IsZero() {
		pod.told = time.Now()
	}
}

// left returns an error while there are pods of which no order says that they are at risk.
func (p *promotions) left() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, example := 0, ""
	for _, pod := range p.all {
		if pod.shown.IsZero() {
			n, example = n+1, pod.node+": "+pod.namespace+"/"+pod.pod
		}
	}
	if n > 0 {
		return fmt.Errorf("%d of %d orders do not say yet that their first victim is critical, among them %s", n, len(p.all), example)
	}
	return nil
}

// seconds from each change to the order that shows it, and to the Event where there was one, sorted.
func (p *promotions) seconds() (shown, told []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pod := range p.all {
		if pod.shown.After(pod.changed) {
			shown = append(shown, figures.Seconds(pod.shown.Sub(pod.changed)))
		}
		if pod.told.After(pod.changed) {
			told = append(told, figures.Seconds(pod.told.Sub(pod.changed)))
		}
	}
	slices.Sort(shown)
	slices.Sort(told)
	return shown, told
}
