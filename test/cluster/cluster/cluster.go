// Package cluster runs a Kubernetes control plane with simulated nodes: etcd,
// kube-apiserver with its aggregation layer, metrics-server and the simulated
// kubelets of a scenario. There is no scheduler and no controller manager: what
// the scenario says is what there is. All listens on loopback, on ports that
// were free, so that many clusters can run beside each other.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/cluster/kubelets"
	"github.com/killorder/killorder/test/cluster/loader"
	"github.com/killorder/killorder/test/cluster/pki"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// Options say what to run.
type Options struct {
	// Dir holds everything the cluster writes. It must be empty or absent, and
	// Stop removes it.
	Dir      string
	Binaries binaries.Set
	// Scenario may be nil: a control plane without nodes.
	Scenario *scenario.Model
	// Loaded is a folder that KeepLoaded has written for the same scenario: the
	// cluster starts with these objects, and loads none. "" loads the scenario.
	Loaded string
	// Resolution is how often metrics-server reads the kubelets; 10 s at least.
	Resolution time.Duration
	// NodeAddress is where the kubelets of all nodes answer, each at a port of
	// its own; the zero value gives each node an address of its own in 127/8.
	NodeAddress netip.Addr
	// APIServerFlags are added to those of kube-apiserver.
	APIServerFlags []string
	// Progress is told what is going on, one line at a time.
	Progress io.Writer
}

// Cluster is a running cluster.
type Cluster struct {
	Options
	authority *pki.Authority
	kubelets  *kubelets.Server
	config    *rest.Config
	client    kubernetes.Interface
	socket    io.Closer

	mu              sync.Mutex // guards etcd, apiserver and beside
	etcd, apiserver *process
	beside          []*process
	etcdPort        int
	apiserverPort   int

	control       sync.Mutex // programs are stopped and started one at a time; guards metricsServer
	metricsServer *process
}

// Start brings a cluster up. When it fails, nothing is left behind.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	dir, err := prepare(options.Dir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Options: options}
	c.Dir = dir
	for _, step := range []func(context.Context) error{
		c.makeCertificates, c.startEtcd, c.startAPIServer, c.startNodes, c.startMetrics, c.startControl,
	} {
		if err := step(ctx); err != nil {
			c.Stop()
			return nil, err
		}
	}
	return c, nil
}

// prepare makes the folder. It refuses a folder that holds anything, because
// Stop removes the folder.
func prepare(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "killorder-cluster-")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty: is a cluster running there? Its folder is removed in the end, so it must be a new one", dir)
	}
	return filepath.Abs(dir)
}

// Kubeconfig is the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.path("kubeconfig") }

func (c *Cluster) path(name string) string { return filepath.Join(c.Dir, name) }

func (c *Cluster) say(format string, args ...any) {
	fmt.Fprintf(c.Progress, format+"\n", args...)
}

// Stop ends everything, in the reverse order of its start, and removes the
// folder.
func (c *Cluster) Stop() {
	for _, p := range slices.Backward(c.beside) {
		p.stop(15 * time.Second)
	}
	if c.socket != nil {
		_ = c.socket.Close()
	}
	_ = c.StopMetricsServer()
	for _, p := range []*process{c.apiserver, c.etcd} {
		if p != nil {
			p.stop(5 * time.Second)
		}
	}
	if c.kubelets != nil {
		_ = c.kubelets.Close()
	}
	_ = os.RemoveAll(c.Dir)
}

// Wait returns when the context ends, or with an error when etcd,
// kube-apiserver or a program beside them has ended by itself.
func (c *Cluster) Wait(ctx context.Context) error {
	for {
		if err := c.Ended(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// startNodes loads the scenario's objects and answers for its kubelets.
func (c *Cluster) startNodes(ctx context.Context) error {
	if c.Scenario == nil {
		return nil
	}
	began := time.Now()
	var err error
	if c.Loaded != "" {
		c.kubelets, err = c.simulateLoaded(ctx)
	} else {
		c.kubelets, err = Simulate(ctx, c.NodeAddress, c.Scenario, c.config, c.authority, c.Progress)
	}
	if err != nil {
		return err
	}
	c.say("%d nodes and %d pods loaded in %s; memory use begins to change now", len(c.Scenario.Nodes), c.Scenario.Pods, since(began))
	return nil
}

// Simulate loads a scenario into any cluster and answers for its kubelets at
// NodeAddress (see Options), with certificates of the given authority.
func Simulate(
	ctx context.Context, at netip.Addr, model *scenario.Model, config *rest.Config, authority *pki.Authority, progress io.Writer,
) (*kubelets.Server, error) {
	s := simulation{at: at, nodes: model.Nodes, config: config, authority: authority, progress: progress}
	s.started = time.Now().Add(-model.Ran)
	return s.serve(func(l *loader.Loader) error { return l.Load(ctx, model) })
}

// simulation is what it takes to answer for the kubelets of some nodes.
type simulation struct {
	at        netip.Addr
	nodes     []*scenario.Node
	config    *rest.Config
	authority *pki.Authority
	// started is when the nodes and pods started.
	started  time.Time
	progress io.Writer
}

// serve listens, has the objects loaded, and answers from then on.
func (s *simulation) serve(load func(*loader.Loader) error) (*kubelets.Server, error) {
	client, err := kubernetes.NewForConfig(unlimited(s.config))
	if err != nil {
		return nil, err
	}
	server, err := kubelets.ListenAt(s.at, s.nodes, s.authority, client, s.started)
	if err != nil {
		return nil, err
	}
	report := &progressReport{out: s.progress}
	l, err := loader.New(s.config, server.Address, s.started, report.done)
	if err == nil {
		err = load(l)
	}
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	server.Serve()
	return server, nil
}

// progressReport prints every few seconds how far a long load has come.
type progressReport struct {
	mu   sync.Mutex
	out  io.Writer
	next time.Time
}

func (r *progressReport) done(kind string, done, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.next.IsZero() {
		r.next = now.Add(5 * time.Second)
	}
	if now.Before(r.next) {
		return
	}
	r.next = now.Add(5 * time.Second)
	fmt.Fprintf(r.out, "loading: %d of %d %s\n", done, all, kind)
}

// connect reads the kubeconfig that was written, as any other client would.
func (c *Cluster) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return err
	}
	c.config = unlimited(config)
	c.client, err = kubernetes.NewForConfig(c.config)
	return err
}

// unlimited removes the rate limit that client-go sets by default.
func unlimited(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS = -1
	return config
}

// until retries until check passes, the process ends or time is up.
func until(ctx context.Context, p *process, timeout time.Duration, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("%s after %s: %w; see %s", what, timeout, err, p.logFile)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Millisecond) }
