package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/e2e/isolate"
	"github.com/killorder/killorder/test/e2e/vm"
	"github.com/killorder/killorder/test/e2e/vm/wire"
	"github.com/killorder/killorder/test/machine"
)

// virtual is a virtual machine with cgroup v2, in which root may do all that root may do.
type virtual struct{ *vm.Machine }

// VirtualOptions say what the virtual machine is made of.
type VirtualOptions struct {
	Dir, Logs string
	Packages  machine.Packages
	Programs  binaries.NodeSet
	Agent     string
	Images    string
	// MemoryMiB of the machine, which the kubelet reports a little less of as capacity.
	MemoryMiB int
	// SwapMiB is the size of a disk that may be used for swap.
	SwapMiB int
}

// Virtual switches a virtual machine on.
func Virtual(ctx context.Context, o *VirtualOptions) (*VirtualHost, error) {
	machine, err := vm.New(ctx, &vm.Options{
		Name: Name, Dir: o.Dir, Logs: o.Logs, Packages: o.Packages, Images: o.Images, Interface: isolate.Bridge,
		SwapMiB: o.SwapMiB, CPUs: 2,
		Programs: []string{
			o.Agent, o.Programs.Kubelet, o.Programs.Containerd, o.Programs.Ctr,
			filepath.Join(o.Programs.Path, "containerd-shim-runc-v2"), filepath.Join(o.Programs.Plugins, "loopback"),
		},
	})
	if err != nil {
		return nil, err
	}
	v := &VirtualHost{virtual{Machine: machine}}
	return v, v.SwitchOn(ctx, o.MemoryMiB)
}

// VirtualHost is a Host that can be switched off and on.
type VirtualHost struct{ virtual }

// SwitchOn boots the machine with that much memory, and begins to write what its kernel logs to kernel.log.
func (v *VirtualHost) SwitchOn(ctx context.Context, memoryMiB int) error {
	if err := v.Machine.Start(ctx, memoryMiB); err != nil {
		return err
	}
	log, err := os.OpenFile(v.KernelLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = v.Run(ctx, log, "/bin/cat", "/dev/kmsg")
	return err
}

// KernelLog is the file that takes all that the machine's kernel logs.
func (v *virtual) KernelLog() string { return filepath.Join(v.Logs, "kernel.log") }

// Programs of the guest all are in /bin, where runc and the shim are found, too.
func (*virtual) Programs() binaries.NodeSet {
	const bin = "/bin"
	return binaries.NodeSet{
		Kubelet: bin + "/kubelet", Containerd: bin + "/containerd", Ctr: bin + "/ctr", Runc: bin + "/runc", Path: bin, Plugins: bin,
	}
}

func (*virtual) Dir() string        { return "/var/lib/" + isolate.Name }
func (*virtual) Images() []string   { return []string{"/images.tar"} }
func (*virtual) Address() string    { return vm.Address }
func (*virtual) CgroupRoot() string { return "/" }
func (*virtual) Unified() bool      { return true }
func (*virtual) Runtime() string    { return "passthrough:///" + vm.Endpoint(wire.RuntimePort) }

func (*virtual) CgroupFolder(path string) string { return filepath.Join("/sys/fs/cgroup", path) }

// ContainerdConfig keeps containerd and its shims away from the kernel's OOM killer, as distributions do.
func (*virtual) ContainerdConfig() string { return "oom_score = -999\n" }

// CNIConfig gives pods nothing: all of them use the network of the machine.
func (*virtual) CNIConfig() string { return `{"type": "loopback"}` }

func (v *virtual) MakeDir(ctx context.Context, path string) error {
	_, err := v.Shell(ctx, fmt.Sprintf("mkdir -p '%s'", path))
	return err
}

func (v *virtual) Signal(ctx context.Context, pid int, signal syscall.Signal) error {
	return v.Machine.Signal(ctx, pid, signal)
}

func (v *virtual) Start(ctx context.Context, log *os.File, path string, args ...string) (*running, error) {
	p, err := v.Run(ctx, log, path, args...)
	if err != nil {
		return nil, err
	}
	return &running{pid: p.PID, exited: p.Exited, how: func() string { return p.Ended }}, nil
}

func (v *virtual) Close() { v.Stop() }
