// Package app wires the operator together.
package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/controllers/kills"
	"github.com/killorder/killorder/controllers/nodekillorder"
	"github.com/killorder/killorder/controllers/policy"
	"github.com/killorder/killorder/controllers/trigger"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/options"
	"github.com/killorder/killorder/internal/podcache"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/poll"
)

// instance names this process in Events: the Pod's name, in a cluster.
func instance() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// Scheme of what the operator reads and writes.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("build the scheme: %w", err)
		}
	}
	return s, nil
}

// Run runs the operator until the context ends. The clock is what the operator takes for the present time; leases and
// timers have their own.
func Run(ctx context.Context, config *rest.Config, o *options.Options, now clock.PassiveClock) error {
	config = rest.CopyConfig(config)
	// Reads are a handful of watches, two lists a pass, and each order once when this process begins to lead; writes have a
	// gate of their own. The client-side limit is only a fuse, above what the gate lets through.
	config.QPS, config.Burst = float32(500+2*o.StatusWritesPerSecond), 1000
	mgr, err := newManager(config, o)
	if err != nil {
		return err
	}
	if err := wire(mgr, config, o, now); err != nil {
		return err
	}
	synced := make(startedAfterCaches)
	if err := mgr.Add(synced); err != nil {
		return fmt.Errorf("wire the operator: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	return end(ctx, synced, ended)
}

// startedAfterCaches is a runnable that closes itself when the manager's caches have synced.
type startedAfterCaches chan struct{}

// NeedLeaderElection is false: replicas that stand by have caches too.
func (startedAfterCaches) NeedLeaderElection() bool { return false }

// Start tells that the caches have synced.
func (s startedAfterCaches) Start(context.Context) error {
	close(s)
	return nil
}

// end waits for the manager's end. controller-runtime 0.25.2 does not end before its caches have synced, and keeps a core busy meanwhile
// (its pull request 3440). Until then this process holds no lease and writes nothing, so that end waits for a second only, and says so.
func end(ctx context.Context, synced <-chan struct{}, ended <-chan error) (err error) {
	select {
	case err = <-ended:
	case <-ctx.Done():
		select {
		case err = <-ended:
		case <-synced:
			err = <-ended
		case <-time.After(time.Second):
			ctrl.Log.Info("ending before the caches have synced; if something could not be listed, earlier lines say what")
		}
	}
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

// wire connects sources, caches, controllers and the gate, and hands them to the manager.
func wire(mgr ctrl.Manager, config *rest.Config, o *options.Options, now clock.PassiveClock) error {
	pods, err := podcache.New(config)
	if err != nil {
		return fmt.Errorf("cache of pods: %w", err)
	}
	current := &policy.Current{}
	source, kubelets, err := newUsage(mgr, config, o, pods, current, now)
	if err != nil {
		return err
	}
	store := usage.NewStore(facts.UnavailableAfter, now.Now)
	nodes, rollUp := &trigger.Trigger{}, &trigger.Trigger{}
	gate := publish.NewGate(o.StatusWritesPerSecond, nodes.AddFirst)
	runner := &poll.Runner{
		Source: source, Store: store, Interval: o.UsageInterval, Ready: afterPodsAndPolicy(pods, current),
		Log: mgr.GetLogger().WithName("usage"), Metrics: poll.NewMetrics(metrics.Registry),
	}
	writer := &publish.Writer{Client: mgr.GetClient()}
	book, events, err := newKills(mgr, config, pods, store, kubelets, current, nodes.AddFirst, now)
	if err != nil {
		return err
	}
	orders := &nodekillorder.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Pods: pods, Usage: store, Kubelets: kubelets, Kills: book, Policy: current.Get,
		Passed: runner.Passed,
		Writer: writer, Gate: gate,
		Metrics: publish.NewMetrics(metrics.Registry, gate), Clock: now,
		EventBudget: &publish.EventBudget{}, Instance: instance(),
	}
	metrics.Registry.MustRegister(&publish.Collector{Summaries: orders.Summaries}, poll.Kubelets{Results: kubelets.Results})
	policies := &policy.Reconciler{
		Client: mgr.GetClient(), Writer: writer, Current: current, Clock: now,
		Changed:  func(ctx context.Context) { orders.EveryNode(ctx, nodes) },
		Nodes:    orders.Summaries,
		Judged:   orders.Judged,
		Replicas: replicasIn(pods),
		LastPass: func() time.Time { return runner.Status().At },
		Kills:    book,
	}
	teller := &kills.Teller{
		Book: book, Client: mgr.GetClient(), Writer: writer, Created: orders.Metrics.Event, EventBudget: orders.EventBudget,
		Instance: instance(),
	}
	pods.OnChange(nodes.AddFirst) // after a pass all nodes wait: what a change of a pod means is said before
	kubelets.Quiet = orders.Quiet
	kubelets.MaxAge = func() time.Duration { return current.Get().MaxAge }
	runner.MaxAge = kubelets.MaxAge
	runner.Judged = func() bool { return orders.Judged(context.Background()) }
	runner.OnPortion = func(read []string) { enqueue(nodes, read, pods.ChangedLately) }
	runner.OnPass = func() {
		orders.EveryNodeBut(context.Background(), nodes, func(node string) bool {
			return kubelets.Rests(node) || runner.HadPortion(node)
		})
		rollUp.Add(v1alpha1.PolicyName)
	}
	for _, add := range []func() error{
		func() error { return standBy(mgr.GetCache(), mgr.GetLogger()) },
		func() error { return mgr.Add(pods) },
		func() error { return mgr.Add(events) },
		func() error { return mgr.Add(teller) },
		func() error { return mgr.Add(runner) },
		func() error { return mgr.Add(manager.RunnableFunc(gate.Start)) },
		func() error { return mgr.Add(spareCollections(orders.Judged)) },
		func() error { return orders.SetUp(mgr, nodes, o.Workers) },
		func() error { return policies.SetUp(mgr, rollUp) },
		func() error { return addProbes(mgr, pods) },
	} {
		if err := add(); err != nil {
			return fmt.Errorf("wire the operator: %w", err)
		}
	}
	return nil
}

// queue takes the names of nodes to judge.
type queue interface {
	Add(node string)
	AddFirst(node string)
}

// enqueue has nodes judged that were read. Those whose pods changed lately come first: what a leader before has said of them may be wrong.
func enqueue(q queue, read []string, changedLately func(node string) bool) {
	for _, node := range read {
		if changedLately(node) {
			q.AddFirst(node)
		} else {
			q.Add(node)
		}
	}
}

// policyPatience is how long the first pass over the readings waits for the policy.
const policyPatience = 10 * time.Second

// afterPodsAndPolicy waits for what the first pass needs: the cluster's pods, and the policy, which says what is read. A
// policy that wants MetricsAPI is there so that kubelets are left alone.
func afterPodsAndPolicy(pods synced, current *policy.Current) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := pods.WaitForSync(ctx); err != nil {
			return err
		}
		return current.Wait(ctx, policyPatience)
	}
}

// replicasIn counts the pods of workloads in the cache.
func replicasIn(pods *podcache.Cache) func([]facts.WorkloadKey) map[facts.WorkloadKey]int32 {
	return func(of []facts.WorkloadKey) map[facts.WorkloadKey]int32 {
		counts := make(map[facts.WorkloadKey]int32, len(of))
		if len(of) == 0 {
			return counts
		}
		wanted := sets.New(of...)
		for _, node := range pods.Nodes() {
			for _, p := range pods.Node(node) {
				if k := p.Key(); wanted.Has(k) {
					counts[k]++
				}
			}
		}
		return counts
	}
}
