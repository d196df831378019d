package cluster

import (
	"context"
	"fmt"
)

// server is one of the two programs of the control plane.
type server struct {
	running **process
	run     func() (*process, error)
	ready   func(context.Context, *process) error
}

// server returns etcd or kube-apiserver.
func (c *Cluster) server(name string) (server, error) {
	switch name {
	case "etcd":
		return server{&c.etcd, c.runEtcd, c.etcdHealthy}, nil
	case "kube-apiserver":
		return server{&c.apiserver, c.runAPIServer, c.apiServerAnswers}, nil
	}
	return server{}, fmt.Errorf("%q is neither etcd nor kube-apiserver", name)
}

// Crash ends etcd or kube-apiserver with SIGKILL, in the midst of what it does.
func (c *Cluster) Crash(name string) error {
	c.control.Lock()
	defer c.control.Unlock()
	s, err := c.server(name)
	if err != nil {
		return err
	}
	p := *s.running
	if p == nil {
		return fmt.Errorf("%s is not running", name)
	}
	c.setRunning(s.running, nil) // it is meant to end: Wait goes on
	p.kill()
	return nil
}

// Restart starts what Crash ended, at the same port and with the same data, and
// waits until the API server answers, if it runs.
func (c *Cluster) Restart(ctx context.Context, name string) error {
	c.control.Lock()
	defer c.control.Unlock()
	s, err := c.server(name)
	if err != nil {
		return err
	}
	if *s.running != nil {
		return fmt.Errorf("%s is running already", name)
	}
	p, err := s.run()
	if err != nil {
		return err
	}
	c.setRunning(s.running, p)
	if err := s.ready(ctx, p); err != nil || c.apiserver == nil {
		return err
	}
	return c.apiServerAnswers(ctx, c.apiserver)
}

func (c *Cluster) setRunning(which **process, p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*which = p
}
