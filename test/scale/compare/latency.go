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
	// changed is when the change of the pod was sent, answered when the API server had answered.
	changed, answered, shown, told time.Time
}

// mostPromotions is how many pods become critical at one rate: enough for a 99th percentile.
const mostPromotions = 1000

// eventBurst is how many Events a namespace gets at once (publish.EventBudget); later ones wait for a second each.
const eventBurst = 10

// promotions are those under way, by the pod's UID.
type promotions struct {
	mu  sync.Mutex
	all map[types.UID]*promotion
}

// latency makes the first victims of some nodes critical, so many a second, and measures how long the API server takes to show
// that in the node's order, and as an Event. Each rate has nodes of its own.
func (b *bench) latency(ctx context.Context) error {
	if len(b.Promote) == 0 {
		return nil
	}
	first, err := b.firstVictims()
	if err != nil {
		return err
	}
	uids := slices.Sorted(maps.Keys(first))
	share := min((len(uids)-b.Kills)/len(b.Promote), mostPromotions) // the rest is left for failover
	if share < 1 {
		return fmt.Errorf("%d nodes have a first victim that is not critical: too few for %v pods a second and %d kills of the leader",
			len(uids), b.Promote, b.Kills)
	}
	for i, rate := range b.Promote {
		p := &promotions{all: map[types.UID]*promotion{}}
		for _, uid := range uids[i*share : (i+1)*share] {
			p.all[uid] = first[uid]
		}
		if err := b.promoteAll(ctx, p, rate); err != nil {
			return err
		}
		l := figures.Latency{
			Rate:     rate,
			Answered: p.seconds(func(pod *promotion) time.Time { return pod.answered }),
			Shown:    p.seconds(func(pod *promotion) time.Time { return pod.shown }),
		}
		if i == 0 { // later on the Events of the first rate have used the budgets up
			l.Told = p.told()
		}
		b.Latency = append(b.Latency, l)
		for what, seconds := range map[string][]float64{"answers": l.Answered, "orders": l.Shown, "Events": l.Told} {
			fmt.Fprintf(b.Progress, "%v a second, seconds to %d %s: p50 %.3f, p99 %.3f\n",
				rate, len(seconds), what, figures.Percentile(seconds, 50), figures.Percentile(seconds, 99))
		}
	}
	return nil
}

// promoteAll makes the pods critical, and returns when all orders say so.
func (b *bench) promoteAll(ctx context.Context, p *promotions, rate float64) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b.orders.onChange(p.seen)
	if err := p.watchEvents(ctx, b); err != nil {
		return err
	}
	if err := p.promoteEach(ctx, b, rate); err != nil {
		return err
	}
	return b.cluster.WaitUntil(ctx, 2*time.Minute, "orders that say so", func(context.Context) error { return p.left() })
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

// promoteEach makes a pod critical whenever it is time for the next one, whether or not the API server has answered the last one.
func (p *promotions) promoteEach(ctx context.Context, b *bench, rate float64) error {
	next := time.NewTicker(time.Duration(float64(time.Second) / rate))
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
	p.mu.Lock()
	pod.answered = time.Now()
	p.mu.Unlock()
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

// seconds returns, for each pod, those from its change to what followed, sorted.
func (p *promotions) seconds(followed func(*promotion) time.Time) (seconds []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pod := range p.all {
		seconds = append(seconds, figures.Seconds(followed(pod).Sub(pod.changed)))
	}
	slices.Sort(seconds)
	return seconds
}

// told returns the seconds from each change to its Event, sorted, of the first Events of each namespace.
func (p *promotions) told() (seconds []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.SortedFunc(maps.Values(p.all), func(a, b *promotion) int { return a.told.Compare(b.told) })
	events := map[string]int{}
	for _, pod := range all {
		if pod.told.IsZero() || events[pod.namespace] == eventBurst {
			continue
		}
		events[pod.namespace]++
		seconds = append(seconds, figures.Seconds(pod.told.Sub(pod.changed)))
	}
	slices.Sort(seconds)
	return seconds
}
