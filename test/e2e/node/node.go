// Package node brings up one real Kubernetes node with its control plane: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, containerd, kubelet and metrics-server, as processes in the namespaces of
// package isolate. Kubelet and containerd may also be in a virtual machine. There is no kube-proxy and no DNS; pods reach
// the API server at its service's address.
package node

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/cluster/pki"
)

// Name of the node.
const Name = "killorder-e2e"

// PauseImage is what containerd starts for each pod; Options.Images brings it.
const PauseImage = "localhost/killorder-e2e/pause:1"

// Options say what to run.
type Options struct {
	// Dir takes all state, Logs what the programs say.
	Dir, Logs string
	// Programs of this machine, for the control plane.
	Programs binaries.NodeSet
	// Host runs the kubelet, containerd and the pods. Its images are an archive in the OCI layout.
	Host   Host
	Memory Memory
	// Watched is the account whose requests are audited.
	Watched  string
	Progress io.Writer
}

// Node is a running node.
type Node struct {
	Options
	// Config is the administrator's.
	Config *rest.Config
	Client kubernetes.Interface
	// Runtime is containerd's side of the CRI.
	Runtime *Runtime

	here                  Host
	authority, frontProxy *pki.Authority
	kubelet               *process
	running               []*process
}

// Start returns when the node is Ready and metrics are served. When it fails, what was started is stopped.
func Start(ctx context.Context, options *Options) (*Node, error) {
	n := &Node{Options: *options, here: Local(options.Programs, options.Dir, "")}
	began := time.Now()
	for _, dir := range []string{n.Dir, n.Logs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"certificates", n.makeCertificates},
		{"etcd", n.startEtcd},
		{"kube-apiserver", n.startAPIServer},
		{"controllers", n.startControllers},
		{"containerd", n.startContainerd},
		{"kubelet", func(ctx context.Context) error { return n.StartKubelet(ctx, n.Memory) }},
		{"metrics-server", n.startMetricsServer},
	} {
		if err := step.run(ctx); err != nil {
			n.Stop()
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Fprintf(n.Progress, "node: %s up after %.1f s\n", step.name, time.Since(began).Seconds())
	}
	return n, nil
}

// Stop ends the node's programs, last started first. Containers end with their namespace, or with the virtual machine.
func (n *Node) Stop() {
	n.Host.Close()
	if n.Runtime != nil {
		_ = n.Runtime.Close()
	}
	for _, p := range slices.Backward(n.running) {
		p.stop()
	}
	n.running = nil
}

func (n *Node) path(name ...string) string {
	return filepath.Join(append([]string{n.Dir}, name...)...)
}

// until calls check until it succeeds; it gives up when the process ends.
func until(ctx context.Context, p *process, timeout time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ended := p.ended(); ended != nil {
			return ended
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready after %s: %w\n%s", timeout, err, p.tail(15))
		case <-time.After(200 * time.Millisecond):
		}
	}
}
