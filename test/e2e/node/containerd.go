package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/killorder/killorder/test/e2e/isolate"
)

// socket is in a /run of the suite's own.
const socket = "/run/containerd/containerd.sock"

// containerdConfig: this machine's root may lack CAP_SYS_RESOURCE, and then no oom_score_adj below 0 can be set.
// restrict_oom_score_adj makes the lowest possible of it; it changes nothing where the right is there.
const containerdConfig = `version = 3
root = '%[1]s/containerd'
state = '/run/containerd/state'
[grpc]
  address = '%[2]s'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '%[3]s'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ['%[4]s']
  conf_dir = '%[1]s/cni'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    BinaryName = '%[5]s'
`

const cniConfig = `{"cniVersion": "1.0.0", "name": "node", "plugins": [{"type": "bridge", "bridge": "%s",
 "isGateway": true, "isDefaultGateway": true, "ipam": {"type": "host-local", "ranges": [[{"subnet": "%s"}]], "dataDir": "%s"}}]}
`

func (n *Node) startContainerd(ctx context.Context) error {
	if err := os.MkdirAll(n.path("cni"), 0o755); err != nil {
		return err
	}
	for file, content := range map[string]string{
		n.path("containerd.toml"):         fmt.Sprintf(containerdConfig, n.Dir, socket, PauseImage, n.Programs.Plugins, n.Programs.Runc),
		n.path("cni", "10-node.conflist"): fmt.Sprintf(cniConfig, isolate.Bridge, isolate.PodNetwork, n.path("addresses")),
	} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			return err
		}
	}
	p, err := n.start("containerd", n.Programs.Containerd, "--config", n.path("containerd.toml"))
	if err != nil {
		return err
	}
	if n.Runtime, err = dial(socket); err != nil {
		return err
	}
	if err := until(ctx, p, time.Minute, n.Runtime.ready); err != nil {
		return err
	}
	load := exec.CommandContext(ctx, n.Programs.Ctr, "-a", socket, "-n", "k8s.io", "images", "import", n.Images)
	if output, err := load.CombinedOutput(); err != nil {
		return fmt.Errorf("importing %s: %w\n%s", n.Images, err, output)
	}
	return nil
}
