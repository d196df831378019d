package cluster

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Run starts a program beside the cluster, in the cluster's folder. Its output
// goes to NAME.log. Stop ends the program before the cluster, and Wait returns an
// error once the program has ended.
func (c *Cluster) Run(name, path string, args ...string) error {
	p, err := c.start(name, path, args...)
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.beside = append(c.beside, p)
	}
	return err
}

// PID returns the process id of a program that Run has started, or of etcd or kube-apiserver.
func (c *Cluster) PID(name string) (int, error) {
	text, err := os.ReadFile(c.path(name + ".pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(text))
}

// StopBeside ends a program that Run has started: politely, or with SIGKILL. Wait goes on.
func (c *Cluster) StopBeside(name string, politely bool) error {
	c.mu.Lock()
	at := slices.IndexFunc(c.beside, func(p *process) bool { return p.name == name })
	if at < 0 {
		c.mu.Unlock()
		return fmt.Errorf("%s is not running", name)
	}
	p := c.beside[at]
	c.beside = slices.Delete(c.beside, at, at+1)
	c.mu.Unlock()
	if politely {
		p.stop(30 * time.Second)
	} else {
		p.kill()
	}
	return nil
}

// HoldMemory makes the memory of all nodes stand still until ReleaseMemory, and returns how long memory had been changing.
func (c *Cluster) HoldMemory() time.Duration { return c.kubelets.Hold() }

// ReleaseMemory lets memory change again.
func (c *Cluster) ReleaseMemory() { c.kubelets.Release() }

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

// EndedBeside returns an error, with the end of its log, if a program that Run has
// started has ended by itself.
func (c *Cluster) EndedBeside(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.beside {
		if p.name == name && p.ended() {
			return p.failure()
		}
	}
	return nil
}

// Config is the client configuration of the administrator.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Client is a client with the rights of the administrator.
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
