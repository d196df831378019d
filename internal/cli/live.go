package cli

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/metricsapi"
)

const (
	// keepReadings older than the engine would use.
	keepReadings = 15 * time.Minute
	// usageTimeout is for all readings of a large cluster.
	usageTimeout = time.Minute
)

// cluster reads a cluster into a snapshot.
type cluster struct {
	kube kubernetes.Interface
	// proxy asks kubelets.
	proxy      rest.Interface
	namespaces metadata.Interface
	metrics    usage.Source
	progress   *progress
	snapshot   snapshot.Snapshot
}

// readCluster reads the named nodes and their pods, or all if none is named.
func readCluster(ctx context.Context, flags *genericclioptions.ConfigFlags, nodes []string, p *progress) (*snapshot.Snapshot, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, unreadable("kubeconfig: %w", err)
	}
	c, err := newCluster(config, p)
	if err != nil {
		return nil, unreadable("client: %w", err)
	}
	s, err := c.read(ctx, nodes)
	if err != nil && config.Host == unconfigured {
		return nil, unreadable("no kubeconfig names a cluster, and there is none at %s (-f reads a snapshot instead)", unconfigured)
	}
	return s, err
}

// unconfigured is where clients look without a kubeconfig.
const unconfigured = "http://localhost:8080"

func newCluster(config *rest.Config, p *progress) (*cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 100, 200 // pages come one after another: the server sets the pace
	config.WarningHandler = rest.NoWarnings{}
	config.UserAgent = "kubectl-killorder"
	namespaces, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	metrics, err := metricsapi.New(config, usageTimeout)
	if err != nil {
		return nil, err
	}
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // each answer is waited for
	proxy, err := corev1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &cluster{
		kube: kube, proxy: proxy.RESTClient(), namespaces: namespaces, metrics: metrics, progress: p,
		snapshot: snapshot.Snapshot{Pods: map[string][]*facts.Pod{}},
	}, nil
}

// read reads objects and usage side by side, so that they are of one moment.
func (c *cluster) read(ctx context.Context, nodes []string) (*snapshot.Snapshot, error) {
	if err := c.readNodes(ctx, nodes); err != nil {
		return nil, err
	}
	if err := c.readPolicy(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg                       sync.WaitGroup
		usageNotes, kubeletNotes []string
		ofKubelets               []fromKubelet
	)
	wg.Go(func() { usageNotes = c.readUsage(ctx) })
	wg.Go(func() { ofKubelets, kubeletNotes = c.readKubelets(ctx) })
	err := c.readPods(ctx, nodes)
	if err != nil {
		cancel()
	} else {
		c.readNamespaces(ctx)
	}
	wg.Wait()
	if err != nil {
		return nil, err
	}
	s := &c.snapshot
	s.Now = time.Now()
	s.Notes = append(s.Notes, kubeletNotes...)
	if !c.takeKubelets(ofKubelets) {
		s.Notes = append(s.Notes, usageNotes...)
	}
	return s, nil
}

// readUsage makes one pass over metrics.k8s.io. Without it, everything is ranked with usage unknown.
func (c *cluster) readUsage(ctx context.Context) (notes []string) {
	store := usage.NewStore(keepReadings, time.Now)
	pass := store.Begin()
	failures := c.metrics.Read(ctx, pass)
	result := pass.Commit()
	c.snapshot.Metrics = store
	for _, f := range failures {
		if note := usageNote(f); note != "" {
			notes = append(notes, note)
		}
	}
	if len(failures) > 1 && failures[0].Cause == failures[1].Cause {
		notes = notes[:1] // the same for pods and nodes
	}
	if n := dropped(result.Dropped); n > 0 {
		notes = append(notes, fmt.Sprintf("%d readings of metrics.k8s.io that cannot be used left out", n))
	}
	return notes
}

func usageNote(f usage.Failure) string {
	switch f.Cause {
	case usage.FailedPartial:
		return "" // comes on top of another
	case usage.FailedAbsent:
		return "no metrics API (metrics.k8s.io, as of metrics-server) answers here: ranking with usage unknown"
	case usage.FailedForbidden:
		return fmt.Sprintf("reading usage of %s is forbidden: ranking with it unknown (%v)", f.Of, f.Err)
	}
	return fmt.Sprintf("usage of %s could not be read: ranking with it unknown (%v)", f.Of, f.Err)
}

func dropped(byCause map[usage.DropCause]int) (sum int) {
	for _, n := range byCause {
		sum += n
	}
	return sum
}
