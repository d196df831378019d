// Package compare runs the operator, kube-state-metrics, bare clients, the plugin and kubectl on one local cluster, and
// measures what each takes. See docs/scale.md.
package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/cluster/cluster"
	"github.com/killorder/killorder/test/cluster/scenario"
	"github.com/killorder/killorder/test/scale/figures"
)

// Options of a run.
type Options struct {
	// Root is the repository. Its bin/ has manager and kubectl-killorder.
	Root        string
	Nodes, Pods int
	// Interval from one pass to the next; Settle passes come before those that are measured, Passes.
	Interval       time.Duration
	Settle, Passes int
	// Compare is how many orders are compared with rank's; Seed chooses them.
	Compare int
	Seed    uint64
	// Promote so many pods a second, one on each node, to critical ones, to see how soon orders say so: one rate after the other.
	Promote []float64
	// Cold is how often the bare clients and a cold start are measured, in turn; 0 for never. Apart is how often the same is measured
	// while the control plane has half of the cores for itself, and all else has the other half.
	Cold, Apart int
	// Kills of the leader of two replicas, to see how soon the other one's orders are right; 0 for none.
	Kills int
	// Short: only what CI watches over is measured, which is the operator beside kube-state-metrics.
	Short bool
	// Alone: kube-state-metrics is not run either.
	Alone bool
	// Progress is told what is going on.
	Progress io.Writer
}

// bench is a run.
type bench struct {
	Options
	cluster *cluster.Cluster
	// client has the rights of the administrator. account is the operator's kubeconfig, with the rights of config/default.
	client  rest.Interface
	account string
	orders  *orders
	// stateMetrics is the path of the program kube-state-metrics.
	stateMetrics string
	// metricsServer: the cluster has one.
	metricsServer bool
	operator      *page
	telemetry     *page // of kube-state-metrics itself
	metrics       *page // that kube-state-metrics is there to serve
	*figures.Figures
}

func newBench(options Options) *bench {
	return &bench{Options: options, Figures: &figures.Figures{
		Nodes: options.Nodes, Pods: options.Pods, Interval: options.Interval.Seconds(), Date: time.Now().UTC().Format(time.DateOnly),
	}}
}

// Run starts a cluster, measures the programs on it and deletes the cluster.
func Run(ctx context.Context, options Options) (*figures.Figures, error) {
	if options.Apart > 0 && !options.Short {
		if _, err := readCores(); err != nil {
			return nil, err
		}
	}
	b := newBench(options)
	b.Versions.Go = runtime.Version()
	if err := machine(&b.Machine); err != nil {
		return nil, err
	}
	if err := b.start(ctx, func(*scenario.Model) {}, noChance...); err != nil {
		return nil, err
	}
	defer b.cluster.Stop()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b.orders = watchOrders(ctx, b.client)
	for _, step := range []struct {
		what string
		do   func(context.Context) error
		long bool
	}{
		{"the operator starts, memory stands still", b.coldStart, false},
		{"orders are compared with rank", b.compareOrders, false},
		{"kube-state-metrics starts", b.startStateMetrics, false},
		{"memory is noisy: passes and scrapes", b.passes, false},
		{"pods become critical", b.latency, true},
		{"rank, and kubectl get pods", b.commands, true},
		{"the bare clients, and the operator again without any order", b.coldRounds, true},
		{"the leader is killed", b.failover, true},
	} {
		if step.long && b.Short {
			continue
		}
		began := time.Now()
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Fprintf(b.Progress, "%s: %.1f s\n", step.what, time.Since(began).Seconds())
	}
	return b.Figures, addLoad(&b.Machine)
}

// noChance are flags that keep chance out of comparisons. The API server does not compare its caches with etcd every five minutes: for
// 150,000 pods that takes 8 s of CPU time, which would fall on one of the programs that are compared. --profiling serves what collect
// asks for.
var noChance = []string{"--feature-gates=DetectCacheInconsistency=false", "--profiling"}

// collect lets the API server collect its garbage. With 150,000 pods a collection takes 16 s of CPU time, on two cores eight or more
// seconds in which all answers are late: without this request, what is measured next would have one more or one less, by chance.
func (b *bench) collect(ctx context.Context) error {
	_, err := b.client.Get().AbsPath("/debug/pprof/heap").Param("gc", "1").DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("collecting the API server's garbage: %w", err)
	}
	return nil
}

// start a cluster with the kinds, the operator's account and its rights. change may change how much memory the pods use: no object
// that was loaded depends on that. flags are those of kube-apiserver, beside the usual ones.
func (b *bench) start(ctx context.Context, change func(*scenario.Model), flags ...string) error {
	model, text, err := model(b.Options.Nodes, b.Options.Pods)
	if err != nil {
		return err
	}
	wanted := binaries.Options{Root: b.Root, Kubectl: true, MetricsServer: b.metricsServer, Progress: b.Progress}
	if !b.Alone {
		if b.stateMetrics, err = binaries.StateMetrics(ctx, wanted); err != nil {
			return err
		}
	}
	programs, err := binaries.Find(ctx, wanted)
	if err != nil {
		return err
	}
	options := cluster.Options{
		Binaries: programs, Scenario: model, Resolution: 10 * time.Second, APIServerFlags: flags, Progress: b.Progress,
	}
	if options.Loaded, err = b.loaded(ctx, options, text); err != nil {
		return err
	}
	change(model)
	if b.cluster, err = cluster.Start(ctx, options); err != nil {
		return err
	}
	b.cluster.HoldMemory()
	if err := b.install(ctx); err != nil {
		b.cluster.Stop()
		return err
	}
	return nil
}

// startStateMetrics starts kube-state-metrics with its metrics of pods and nodes, and waits until it shows all pods.
func (b *bench) startStateMetrics(ctx context.Context) error {
	at, itself, err := twoAddresses()
	if err != nil {
		return err
	}
	err = b.cluster.Run(stateMetrics, b.stateMetrics, "--kubeconfig="+b.cluster.Kubeconfig(), "--resources=pods,nodes",
		"--host=127.0.0.1", "--port="+portOf(at), "--telemetry-host=127.0.0.1", "--telemetry-port="+portOf(itself))
	if err != nil {
		return err
	}
	b.metrics, b.telemetry = newPage("http://"+at+"/metrics", ""), newPage("http://"+itself+"/metrics", "")
	err = b.cluster.WaitUntil(ctx, 10*time.Minute, "metrics of all pods", func(ctx context.Context) error {
		var shown counter
		if err := b.metrics.get(ctx, &shown); err != nil {
			return err
		}
		if shown.pods != b.Options.Pods {
			return fmt.Errorf("kube-state-metrics shows %d of %d pods", shown.pods, b.Options.Pods)
		}
		return nil
	})
	if err != nil {
		return err
	}
	// kube-state-metrics makes hardly any garbage when it is scraped. Without this request, its last garbage collection would be one of
	// its start, when the heap was another.
	return newPage("http://"+at+"/debug/pprof/heap?gc=1", "").get(ctx, io.Discard)
}

// Names of the programs beside the cluster.
const (
	stateMetrics = "kube-state-metrics"
	manager      = "manager"
)

// coldStart creates an account that may read metrics, starts the operator and waits for the last order.
func (b *bench) coldStart(ctx context.Context) error {
	token, err := b.token(ctx)
	if err != nil {
		return err
	}
	writes := b.orders.writes()
	b.ColdFirst, b.Figures.Cold, err = b.startCold(ctx, token)
	b.ColdWrites = b.orders.writes() - writes
	return err
}

// startCold starts the operator where there is no order, and waits for the last one. It returns the seconds to the first order and to
// the last one.
func (b *bench) startCold(ctx context.Context, token string) (toFirst, toLast float64, err error) {
	if err := b.collect(ctx); err != nil {
		return 0, 0, err
	}
	at, err := freeAddress()
	if err != nil {
		return 0, 0, err
	}
	b.operator = newPage("https://"+at+"/metrics", token)
	began := time.Now()
	if err := b.startOperator(manager, "--leader-elect=false", "--health-probe-bind-address=0", "--metrics-bind-address="+at); err != nil {
		return 0, 0, err
	}
	used := b.sharesOf()
	used.programs = append(used.programs, manager) // which has just started
	var first, last time.Time
	err = b.cluster.WaitUntil(ctx, 30*time.Minute, "all orders", func(context.Context) (err error) {
		first, last, err = b.orders.complete(b.Options.Nodes)
		return err
	})
	b.print(used)
	return figures.Seconds(first.Sub(began)), figures.Seconds(last.Sub(began)), err
}

// startOperator under a name, with the settings that all runs have in common and some more.
func (b *bench) startOperator(name string, more ...string) error {
	return b.cluster.Run(name, filepath.Join(b.Root, "bin", manager), append([]string{
		"--kubeconfig=" + b.account, "--status-writes-per-second=1000", "--usage-interval=" + b.Options.Interval.String(),
		"--kubelet-service-account=killorder-system/killorder-kubelet-reader",
	}, more...)...)
}

// coldRounds measures the bare clients and the cold start in turn.
func (b *bench) coldRounds(ctx context.Context) error {
	for _, name := range []string{manager, stateMetrics} {
		if err := b.cluster.StopBeside(name, true); err != nil {
			return err
		}
	}
	if err := b.rounds(ctx, "", b.Options.Cold, b.Add); err != nil || b.Options.Apart <= 0 {
		return err
	}
	restore, err := b.placeApart()
	if err != nil {
		return err
	}
	err = b.rounds(ctx, " apart", b.Options.Apart, func(r figures.Round) { b.Figures.Apart = append(b.Figures.Apart, r) })
	return errors.Join(err, restore())
}

// rounds of the bare clients and the cold start; progress lines name the way in which they are measured. Each client, and the operator,
// writes all orders after the orders before were deleted. Every second round begins with the other client.
func (b *bench) rounds(ctx context.Context, way string, n int, add func(figures.Round)) error {
	same := b.orders.all()
	if len(same) != b.Options.Nodes {
		return fmt.Errorf("the watch shows %d of %d orders", len(same), b.Options.Nodes)
	}
	for i := range n {
		round := figures.Round{}
		clients := []struct {
			ask  manner
			rate *float64
		}{{plain, &round.Bare}, {sparing, &round.BareSparing}}
		if i%2 == 1 {
			slices.Reverse(clients)
		}
		for _, c := range clients {
			var err error
			if *c.rate, err = b.bareClient(ctx, c.ask, same); err != nil {
				return err
			}
		}
		if err := b.removeOrders(ctx); err != nil {
			return err
		}
		var err error
		if round.ColdFirst, round.Cold, err = b.startCold(ctx, b.operator.token); err != nil {
			return err
		}
		if err := b.cluster.StopBeside(manager, true); err != nil {
			return err
		}
		fmt.Fprintf(b.Progress,
			"round %d of %d%s: bare clients %.0f and %.0f writes/s; the operator's first order after %.1f s, the last one after %.1f s\n",
			i+1, n, way, round.Bare, round.BareSparing, round.ColdFirst, round.Cold)
		add(round)
	}
	return nil
}
