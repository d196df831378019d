package compare

import (
	"context"

	"github.com/killorder/killorder/test/scale/figures"
)

// commands measures rank of all nodes, to which kubelets give no answer (an API server forwards nothing to loopback
// addresses), beside kubectl's table of all pods.
func (b *bench) commands(ctx context.Context) error {
	kubeconfig := "--kubeconfig=" + b.cluster.Kubeconfig()
	rank, err := run(ctx, false, b.plugin(), "rank", kubeconfig)
	if err != nil {
		return err
	}
	get, err := run(ctx, false, b.cluster.Binaries.Kubectl, kubeconfig, "get", "pods", "-A", "-o", "wide")
	b.Rank, b.Get = taken(rank), taken(get)
	return err
}

func taken(c command) figures.Command {
	return figures.Command{Wall: figures.Seconds(c.wall), CPU: figures.Seconds(c.cpu), Peak: c.peak}
}
