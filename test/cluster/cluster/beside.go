package cluster

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Run starts a program beside the cluster, in its folder: NAME.log has what it
// prints. Stop ends it first, and Wait ends with an error when it has ended.
func (c *Cluster) Run(name, path string, args ...string) error {
	p, err := c.start(name, path, args...)
	if err == nil {
		c.beside = append(c.beside, p)
	}
	return err
}

// Ended returns an error, with the end of its log, if a program of the cluster
// or beside it has ended, other than by Crash.
func (c *Cluster) Ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range append([]*process{c.etcd, c.apiserver}, c.beside...) {
		if p != nil && p.ended() {
			return p.failure()
		}
	}
	return nil
}

// Config is the administrator's.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Client is the administrator's.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Apply writes an object, in JSON or YAML, to its path in the API.
func (c *Cluster) Apply(ctx context.Context, path string, object []byte) error {
	return c.apply(ctx, path, object)
}

// WaitUntil retries until check returns nil, or a program ends, or time is up.
func (c *Cluster) WaitUntil(ctx context.Context, timeout time.Duration, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ended := c.Ended(); ended != nil {
			return ended
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s not within %s: %w; logs are in %s", what, timeout, err, c.Dir)
		case <-time.After(500 * time.Millisecond):
		}
	}
}
