// Package podcache keeps the cluster's unfinished pods as facts, by node. A typed Pod takes several kilobytes even
// when stripped; its facts take a few hundred bytes.
package podcache

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/killorder/killorder/internal/facts"
)

// unfinished pods that are bound to a node: the API server sends no others, and tells of one that finishes as of
// one that is deleted.
const unfinished = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"

// Cache follows the cluster's pods.
type Cache struct {
	pods     toolscache.ListerWatcher
	onChange []func(node string)
	synced   chan struct{}

	mu sync.RWMutex
	// byNode has each node's pods by namespace and name. The slices are never changed, only replaced.
	byNode map[string][]*facts.Pod
}

// New makes a cache of the pods of a cluster. It is empty until started.
func New(config *rest.Config) (*Cache, error) {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("client for pods: %w", err)
	}
	return newCache(toolscache.NewListWatchFromClient(clients.CoreV1().RESTClient(), "pods", metav1.NamespaceAll,
		fields.ParseSelectorOrDie(unfinished))), nil
}

func newCache(pods toolscache.ListerWatcher) *Cache {
	return &Cache{pods: pods, synced: make(chan struct{}), byNode: map[string][]*facts.Pod{}}
}

// OnChange adds a function to call with the node of a pod that came, went or changed in what its facts say. It
// must be added before the cache starts, and return quickly.
func (c *Cache) OnChange(f func(node string)) { c.onChange = append(c.onChange, f) }

// NeedLeaderElection is false: a replica that waits has its cache ready.
func (c *Cache) NeedLeaderElection() bool { return false }

// Start follows the pods until the context ends.
func (c *Cache) Start(ctx context.Context) error {
	toolscache.NewReflectorWithOptions(c.pods, &corev1.Pod{}, store{c}, toolscache.ReflectorOptions{
		Name: "podcache", TypeDescription: "pods",
	}).RunWithContext(ctx)
	return nil
}

// WaitForSync waits until the cache holds what the API server held when it started.
func (c *Cache) WaitForSync(ctx context.Context) error {
	select {
	case <-c.synced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Node returns the unfinished pods of a node by namespace and name. They are shared: nobody may change them.
func (c *Cache) Node(name string) []*facts.Pod {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byNode[name]
}

// Nodes returns the names of the nodes that have pods, in no particular order.
func (c *Cache) Nodes() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Collect(maps.Keys(c.byNode))
}

func (c *Cache) changed(nodes ...string) {
	for _, node := range nodes {
		for _, f := range c.onChange {
			f(node)
		}
	}
}
