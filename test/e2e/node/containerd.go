package node

import (
	"context"
	"fmt"
	"time"
)

// socket is in a /run of the suite's own.
const socket = "/run/containerd/containerd.sock"

const containerdConfig = `version = 3
root = '%[1]s/containerd'
state = '/run/containerd/state'
%[6]s
[grpc]
  address = '%[2]s'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '%[3]s'
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['%[4]s']
  conf_dir = '%[1]s/cni'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    BinaryName = '%[5]s'
`

const cniConfig = `{"cniVersion": "1.0.0", "name": "node", "plugins": [%s]}
`

func (n *Node) startContainerd(ctx context.Context) error {
	programs := n.Host.Programs()
	if err := n.Host.MakeDir(ctx, n.hostPath("cni")); err != nil {
		return err
	}
	for file, content := range map[string]string{
		n.hostPath("containerd.toml"): fmt.Sprintf(containerdConfig,
			n.Host.Dir(), socket, PauseImage, programs.Plugins, programs.Runc, n.Host.ContainerdConfig()),
		n.hostPath("cni", "10-node.conflist"): fmt.Sprintf(cniConfig, n.Host.CNIConfig()),
	} {
		if err := n.Host.WriteFile(ctx, file, []byte(content)); err != nil {
			return err
		}
	}
	p, err := n.startOn(ctx, n.Host, "containerd", programs.Containerd, "--config", n.hostPath("containerd.toml"))
	if err != nil {
		return err
	}
	if n.Runtime, err = dial(n.Host.Runtime()); err != nil {
		return err
	}
	if err := until(ctx, p, 3*time.Minute, n.Runtime.ready); err != nil {
		return err
	}
	for _, archive := range n.Host.Images() {
		load, err := n.startOn(ctx, n.Host, "image-import", programs.Ctr, "-a", socket, "-n", "k8s.io", "images", "import", archive)
		if err != nil {
			return err
		}
		if err := load.succeeded(ctx); err != nil {
			return err
		}
	}
	return nil
}
