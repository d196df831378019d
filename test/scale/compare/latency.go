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
	"k8s.io/client-go/rest"

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

// Bounds of publish.EventBudget: so many Events a namespace and the cluster get at once. Later ones wait, for a second or a fifth of it
// each.
const (
	eventBurst        = 10
	clusterEventBurst = 50
	// eventsEach is how many Events a pod has that becomes critical and first: one for each killer (status.Events).
	eventsEach = 2
)

// promotions are those under way, by the pod's UID.
type promotions struct {
	mu  sync.Mutex
	all map[types.UID]*promotion
	// deaf is why the watch of Events ended last; nil while the watch shows Events.
	deaf error
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
		var atOnce []types.UID
		if i == 0 { // later on the Events of the first rate have used the budgets up
			atOnce = p.atOnce()
		}
		if err := b.collect(ctx); err != nil {
			return err
		}
		if err := b.promoteAll(ctx, p, atOnce, rate); err != nil {
			return err
		}
		l := figures.Latency{
			Rate:     rate,
			Answered: p.seconds(slices.Sorted(maps.Keys(p.all)), func(pod *promotion) time.Time { return pod.answered }),
			Shown:    p.seconds(slices.Sorted(maps.Keys(p.all)), func(pod *promotion) time.Time { return pod.shown }),
			Told:     p.seconds(atOnce, func(pod *promotion) time.Time { return pod.told }),
		}
		b.Latency = append(b.Latency, l)
		for what, seconds := range map[string][]float64{"answers": l.Answered, "orders": l.Shown, "Events": l.Told} {
			fmt.Fprintf(b.Progress, "%v a second, seconds to %d %s: p50 %.3f, p99 %.3f\n",
				rate, len(seconds), what, figures.Percentile(seconds, 50), figures.Percentile(seconds, 99))
		}
	}
	return nil
}

// promoteAll makes the pods critical, and returns when all orders say so. Those whose Events the bound lets through at once come first,
// and the others when all these Events were told: no other Event takes the place of one that comes late.
func (b *bench) promoteAll(ctx context.Context, p *promotions, atOnce []types.UID, rate float64) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b.orders.onChange(p.seen)
	go p.watchEvents(ctx, b.client)
	if err := p.promoteEach(ctx, b, atOnce, rate); err != nil {
		return err
	}
	if err := b.cluster.WaitUntil(ctx, 2*time.Minute, "Events", func(context.Context) error { return p.untold(atOnce) }); err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(p.all)), func(uid types.UID) bool { return slices.Contains(atOnce, uid) })
	if err := p.promoteEach(ctx, b, others, rate); err != nil {
		return err
	}
	return b.cluster.WaitUntil(ctx, 2*time.Minute, "orders that say so", func(context.Context) error { return p.left() })
}

// firstVictims returns the pod that each node's order names first for an eviction, by the pod's UID. Nodes whose first one is critical
// already are left out.
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

// atOnce returns the first pods of each namespace: as many as have all their Events let through at once by the bound.
func (p *promotions) atOnce() (some []types.UID) {
	events := map[string]int{}
	for _, uid := range slices.Sorted(maps.Keys(p.all)) {
		namespace := p.all[uid].namespace
		if eventsEach*(len(some)+1) <= clusterEventBurst && events[namespace]+eventsEach <= eventBurst {
			events[namespace] += eventsEach
			some = append(some, uid)
		}
	}
	return some
}

// promoteEach makes a pod critical whenever it is time for the next one, whether or not the API server has answered the last one.
func (p *promotions) promoteEach(ctx context.Context, b *bench, uids []types.UID, rate float64) error {
	next := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer next.Stop()
	var failed atomic.Pointer[error]
	var requests sync.WaitGroup
	for _, uid := range uids {
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

// watchEvents until the context ends.
func (p *promotions) watchEvents(ctx context.Context, client rest.Interface) {
	var version string
	again(ctx, func() {
		err := follow(ctx, client, eventsPath, &version, func(_ string, e *eventsv1.Event) {
			if e.Reason == status.EventCriticalPodAtRisk {
				p.heard(e.Regarding.UID)
			}
		})
		p.mu.Lock()
		defer p.mu.Unlock()
		p.deaf = err
	})
}

// heard notes that a pod's Event has come.
func (p *promotions) heard(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = nil
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

// untold returns an error while there are some of these pods whose Event has not come.
func (p *promotions) untold(some []types.UID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, example := 0, ""
	for _, uid := range some {
		if pod := p.all[uid]; pod.told.IsZero() {
			n, example = n+1, pod.namespace+"/"+pod.pod
		}
	}
	switch {
	case n > 0 && p.deaf != nil:
		return fmt.Errorf("%d of %d Events have not come, among them that of %s; the watch has ended: %w", n, len(some), example, p.deaf)
	case n > 0:
		return fmt.Errorf("%d of %d Events have not come, among them that of %s", n, len(some), example)
	}
	return nil
}

// seconds returns how many seconds after the change of each of these pods something followed, sorted. It must have followed for each.
func (p *promotions) seconds(some []types.UID, followed func(*promotion) time.Time) (seconds []float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, uid := range some {
		pod := p.all[uid]
		seconds = append(seconds, figures.Seconds(followed(pod).Sub(pod.changed)))
	}
	slices.Sort(seconds)
	return seconds
}
