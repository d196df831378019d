// Package clusterread reads a live cluster into a snapshot: Nodes, Pods and usage, with the user's own rights. Objects
// become facts page by page, so that no more than a page of them is in memory at a time.
package clusterread

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
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
	progress   Progress
	snapshot   snapshot.Snapshot
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

// Read reads the named nodes and their pods, or all if none is named. An error is one line that names what could not be
// read.
func Read(ctx context.Context, config *rest.Config, nodes []string, p Progress) (*snapshot.Snapshot, error) {
	c, err := newCluster(config, p)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	s, err := c.read(ctx, nodes)
	if err != nil && config.Host == unconfigured {
		return nil, fmt.Errorf("no kubeconfig names a cluster, and there is none at %s (-f reads a snapshot instead)", unconfigured)
	}
	return s, err
}

// unconfigured is where clients look without a kubeconfig.
const unconfigured = "http://localhost:8080"

func newCluster(config *rest.Config, p Progress) (*cluster, error) {
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
