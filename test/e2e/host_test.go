package e2e

import (
	"path/filepath"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/e2e/isolate"
	"github.com/killorder/killorder/test/e2e/node"
	"github.com/killorder/killorder/test/e2e/vm"
)

// vmMemory of the virtual machine in MiB: three times what pods may use, so that the scale of the node and the scale of
// kubepods differ as they do on this machine. Memory that the virtual machine does not touch takes no memory of this
// machine.
const vmMemory = 12 << 10

// virtual is the virtual machine that the node is in; nil where the node is this machine.
var virtual *node.VirtualHost

// logsFolder keeps the logs of the last run of each profile.
func logsFolder() string {
	name := "logs"
	if *onVM {
		name += "-vm"
	}
	if *beside != "" {
		name += "-" + *beside
	}
	return name
}

// newHost is where the kubelet and containerd run.
func newHost(ctx ginkgo.SpecContext, programs *binaries.NodeSet, images, logs string) node.Host {
	ginkgo.GinkgoHelper()
	if !*onVM {
		return node.Local(*programs, isolate.Dir(), images, artifact("image", "oci.tar"))
	}
	began := time.Now()
	packages, err := vm.Download(ctx, packagesFolder())
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	virtual, err = node.Virtual(ctx, &node.VirtualOptions{
		Dir: filepath.Join(isolate.Dir(), "vm"), Logs: logs, Packages: packages, Programs: *programs, Agent: agentProgram(),
		Images: images, MemoryMiB: vmMemory, SwapMiB: swapMiB,
	})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	kernel, err := virtual.ReadFile(ctx, "/proc/version")
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	say("virtual machine: booted %.1f s after its disks were begun: %s", time.Since(began).Seconds(), kernel)
	return virtual
}

// patience is how long to wait for something that takes d on this machine: the virtual machine is emulated, and slower.
func patience(d time.Duration) time.Duration {
	if *onVM {
		return 4 * d
	}
	return d
}
