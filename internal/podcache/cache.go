// Package podcache holds the cluster's unfinished Pods as facts, by node: about a tenth of what a cache of
// stripped Pods would hold, and nothing to convert when a node is judged.
package podcache

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/killorder/killorder/internal/facts"
)

// Cache follows the API server's Pods. It is a Runnable of the manager that every replica runs, so that a new
// leader need not read the cluster first.
type Cache struct {
	store     *store
	reflector *cache.Reflector
}

// New makes a cache that reads with the given client configuration, as protobuf.
func New(config *rest.Config) (*Cache, error) {
	c := rest.CopyConfig(config)
	c.ContentType = runtime.ContentTypeProtobuf
	c.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := corev1client.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("client for Pods: %w", err)
	}
	s := newStore()
	return &Cache{store: s, reflector: cache.NewReflectorWithOptions(newSource(client, s), &corev1.Pod{}, s, cache.ReflectorOptions{
		Name: "podcache",
	})}, nil
}

// NeedLeaderElection is false: a replica that stands by stays up to date.
func (*Cache) NeedLeaderElection() bool { return false }

// Start follows the Pods until the context is done.
func (c *Cache) Start(ctx context.Context) error {
	c.reflector.RunWithContext(ctx)
	return nil
}

// WaitForSync returns once all Pods have been read for the first time.
func (c *Cache) WaitForSync(ctx context.Context) error {
	select {
	case <-c.store.synced:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for Pods: %w", context.Cause(ctx))
	}
}

// OnChange registers a function that is called with a node's name whenever the facts of its pods have changed;
// reading then gives the new ones. It is called from one goroutine and holds up the watch, so it has to be quick.
func (c *Cache) OnChange(f func(node string)) { c.store.onChange(f) }

// ChangedLately reports whether the facts of the node's pods have changed in the last one to three minutes.
func (c *Cache) ChangedLately(node string) bool { return c.store.lately.has(node) }

// Node returns the node's pods by namespace and name. The slice and the pods are shared, and never change.
func (c *Cache) Node(name string) []*facts.Pod {
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	return c.store.nodes[name]
}

// Pod returns a pod, nil if there is no such pod. Callers share it and must not change it.
func (c *Cache) Pod(namespace, name []byte) *facts.Pod {
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	return c.store.pods[facts.PodKey{Namespace: string(namespace), Name: string(name)}]
}

// NodeOf returns the name of a pod's node, "" if there is no such pod.
func (c *Cache) NodeOf(namespace, name []byte) string {
	if p := c.Pod(namespace, name); p != nil {
		return p.Node
	}
	return ""
}

// Nodes returns the sorted names of the nodes that have pods.
func (c *Cache) Nodes() []string {
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	return sortedKeys(c.store.nodes)
}

// Len returns the number of pods.
func (c *Cache) Len() int {
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	return len(c.store.pods)
}
