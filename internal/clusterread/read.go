// Package clusterread reads a live cluster into a snapshot: Nodes, Pods and usage, with the user's own rights. Objects
// become facts page by page, so that no more than a page of them is in memory at a time.
package clusterread

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/clusterread/target"
	"github.com/killorder/killorder/internal/snapshot"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/metricsapi"
)

const (
	// keepReadings older than the engine would use.
	keepReadings = 15 * time.Minute
	// youngest is how long a pod runs before a missing reading is worth a note: metrics-server reads each minute at the latest,
	// and gives no reading before it has two.
	youngest = 3 * time.Minute
	// readTwice is up to how many named nodes have their pods' usage read from metrics.k8s.io too, one by one, where their kubelets
	// have told it.
	readTwice = 3
	// usageTimeout is for all readings of a large cluster.
	usageTimeout = time.Minute
)

// Want is what to read. The nodes are those named, else those that the pods of the targets run on, else all.
type Want struct {
	Nodes   []string
	Targets []target.Ref
	// EveryKubelet: the kubelets of all nodes are asked, however many and however calm they are.
	EveryKubelet bool
	// Traces, if they are wanted, take what is read of all nodes, and Events: nothing is read twice.
	Traces *Traces
}

// Cluster is what was read.
type Cluster struct {
	*snapshot.Snapshot
	// Namespaces are the only ones whose pods could be read, none if all pods of the nodes were. Ranks among the pods of
	// some namespaces only are no ranks.
	Namespaces []string
}

// cluster reads a cluster.
type cluster struct {
	kube client
	// proxy asks kubelets.
	proxy    rest.Interface
	metadata metadata.Interface
	// metrics has the readings of all pods, single those of one.
	metrics  usage.Source
	single   rest.Interface
	progress Progress

	// seen takes objects on the way; nil where nobody wants them.
	seen *Traces

	// readings are those of metrics.k8s.io where all were read at once.
	readings *usage.Store

	snapshot snapshot.Snapshot
	// of are the nodes whose pods are kept; all if nil.
	of map[string]bool
	// mu guards the pods, and how many were read, while they are read.
	mu       sync.Mutex
	podsRead int
	only     []string
	// operator: it has made a pass, the last at lastPass.
	operator bool
	lastPass time.Time
}

// Progress is told how far reading has come: a function that makes a line for people. It may be nil, and is called from
// several goroutines.
type Progress func(line func() string)

func (p Progress) say(line func() string) {
	if p != nil {
		p(line)
	}
}

func (p Progress) count(what string, n int) {
	p.say(func() string { return fmt.Sprintf("%s: %d", what, n) })
}

// Read reads what is wanted. An error is one line that names what could not be read.
func Read(ctx context.Context, config *rest.Config, w Want, p Progress) (*Cluster, error) {
	c, err := newCluster(config, p)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	c.seen = w.Traces
	if err := c.read(ctx, w); err != nil {
		if config.Host == unconfigured {
			return nil, fmt.Errorf("no kubeconfig names a cluster, and there is none at %s (-f reads a snapshot instead)", unconfigured)
		}
		return nil, err
	}
	return &Cluster{Snapshot: &c.snapshot, Namespaces: c.only}, nil
}

// unconfigured is where clients look without a kubeconfig.
const unconfigured = "http://localhost:8080"

func newCluster(config *rest.Config, p Progress) (*cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 100, 200 // pages come one after another: the server sets the pace
	config.WarningHandler = rest.NoWarnings{}
	config.UserAgent = "kubectl-killorder"
	meta, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	metrics, err := metricsapi.New(config, usageTimeout)
	if err != nil {
		return nil, err
	}
	single, err := singleReadings(config)
	if err != nil {
		return nil, err
	}
	kube, err := newClient(config)
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // each answer is waited for
	proxy, err := clientFor(config, corev1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	return &cluster{
		kube: kube, proxy: proxy, metadata: meta, metrics: metrics, single: single, progress: p,
	}, nil
}

// read reads nodes and policy first, which decide what else is read.
func (c *cluster) read(ctx context.Context, w Want) error {
	if err := c.readNodes(ctx, w); err != nil {
		return err
	}
	if err := c.readPolicy(ctx); err != nil {
		return err
	}
	if len(w.Nodes) > 0 || len(w.Targets) > 0 {
		return c.readSome(ctx, w)
	}
	return c.readAll(ctx, w)
}

// readAll reads objects and usage side by side, so that they are of one moment.
func (c *cluster) readAll(ctx context.Context, w Want) error {
	return c.readUsageAndKubelets(ctx, w.EveryKubelet, func() error {
		if err := c.readAllPods(ctx); err != nil {
			return err
		}
		c.readNamespaces(ctx)
		c.readOrders(ctx)
		c.readTraces(ctx)
		return nil
	})
}

// readSome reads the pods of some nodes, and the usage of no other pods unless the nodes are many.
func (c *cluster) readSome(ctx context.Context, w Want) error {
	objects := func() error {
		if err := c.readPodsOfNodes(ctx, w.Targets); err != nil {
			return err
		}
		c.readNamespaces(ctx)
		c.readOrders(ctx)
		return nil
	}
	if len(c.snapshot.Nodes) > oneByOne {
		return c.readUsageAndKubelets(ctx, w.EveryKubelet, objects)
	}
	if err := objects(); err != nil {
		return err
	}
	ofKubelets, kubeletNotes := c.readKubelets(ctx, c.everyNode())
	c.notes(kubeletNotes)
	if !c.takeKubelets(ofKubelets) {
		c.notes(c.readSingleUsage(ctx))
	} else if len(w.Nodes) > 0 && len(w.Nodes) <= readTwice {
		c.readSingleUsage(ctx) // an earlier reading, which shows who grows; without it nothing is missing
	}
	c.snapshot.Now = time.Now()
	if len(w.Nodes) > 0 && ctx.Err() == nil {
		if c.snapshot.Metrics == nil {
			c.snapshot.Metrics = snapshot.NewReadings()
		}
		// Of metrics.k8s.io, no readings were asked for but those of the pods that were read.
		c.notes(c.snapshot.Unmatched(0, 0, c.snapshot.Now.Add(-youngest)))
	}
	return ctx.Err()
}

func (c *cluster) note(format string, args ...any) { c.notes([]string{fmt.Sprintf(format, args...)}) }

func (c *cluster) notes(notes []string) { c.snapshot.Notes = append(c.snapshot.Notes, notes...) }
