package node

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/e2e/isolate"
)

// Host is the machine with the kubelet, containerd and the pods: this machine, or a virtual one. The control plane always
// runs on this machine.
type Host interface {
	// Programs says where the host has the programs of a node.
	Programs() binaries.NodeSet
	// Dir is the folder for the state of the kubelet and of containerd.
	Dir() string
	// Images are the archives of the images.
	Images() []string
	// Address of the host, for the API server, metrics-server and the operator.
	Address() string
	// CgroupRoot is the control group under which the kubelet makes all others; "/" is the root group.
	CgroupRoot() string
	// CgroupFolder is where the memory controller has a control group below CgroupRoot.
	CgroupFolder(path string) string
	// Unified reports whether the host has cgroup v2 only.
	Unified() bool
	// Runtime is containerd's socket, as gRPC wants it.
	Runtime() string
	// ContainerdConfig and CNIConfig are settings that the host needs.
	ContainerdConfig() string
	CNIConfig() string

	// MakeDir makes a folder with its parents.
	MakeDir(ctx context.Context, path string) error
	ReadFile(ctx context.Context, path string) ([]byte, error)
	WriteFile(ctx context.Context, path string, data []byte) error
	// Signal sends a signal to a process.
	Signal(ctx context.Context, pid int, signal syscall.Signal) error
	// Start starts a program whose output goes to log. The program does not end with the context.
	Start(ctx context.Context, log *os.File, path string, args ...string) (*running, error)
	// Close ends what the host itself consists of.
	Close()
}

// running is a started program of a host.
type running struct {
	pid    int
	exited <-chan struct{}
	// how says in which way the program ended, once it has.
	how func() string
}

// local is this machine, in the namespaces of package isolate.
type local struct {
	programs binaries.NodeSet
	dir      string
	images   []string
}

// Local is this machine.
func Local(programs binaries.NodeSet, dir string, images ...string) Host {
	return &local{programs, dir, images}
}

func (l *local) Programs() binaries.NodeSet { return l.programs }
func (l *local) Dir() string                { return l.dir }
func (l *local) Images() []string           { return l.images }
func (*local) Address() string              { return isolate.NodeAddress }
func (*local) CgroupRoot() string           { return isolate.CgroupRoot() }
func (*local) Unified() bool                { return isolate.Unified() }
func (*local) Runtime() string              { return "unix://" + socket }
func (*local) Close()                       {}

func (*local) CgroupFolder(path string) string { return isolate.MemoryCgroup(path) }

// ContainerdConfig for a machine whose root may lack CAP_SYS_RESOURCE, and then can set no oom_score_adj below 0.
// restrict_oom_score_adj makes the lowest possible score of such a one; it changes nothing where the right is there.
func (*local) ContainerdConfig() string {
	return "[plugins.'io.containerd.cri.v1.runtime']\n  restrict_oom_score_adj = true\n"
}

// CNIConfig gives each pod an address on the bridge of the namespace.
func (l *local) CNIConfig() string {
	return fmt.Sprintf(`{"type": "bridge", "bridge": "%s", "isGateway": true, "isDefaultGateway": true,
 "ipam": {"type": "host-local", "ranges": [[{"subnet": "%s"}]], "dataDir": "%s"}}`,
		isolate.Bridge, isolate.PodNetwork, filepath.Join(l.dir, "addresses"))
}

func (*local) MakeDir(_ context.Context, path string) error { return os.MkdirAll(path, 0o755) }

func (*local) ReadFile(_ context.Context, path string) ([]byte, error) { return os.ReadFile(path) }

func (*local) WriteFile(_ context.Context, path string, data []byte) error {
	return os.WriteFile(path, data, 0o600)
}

func (*local) Signal(_ context.Context, pid int, signal syscall.Signal) error {
	return syscall.Kill(pid, signal)
}

// Start starts a program. Should this one end without stopping the program, the namespace ends it.
func (l *local) Start(_ context.Context, log *os.File, path string, args ...string) (*running, error) {
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.dir, io.Writer(log), io.Writer(log)
	cmd.Env = append(os.Environ(), "PATH="+l.programs.Path+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	return &running{pid: cmd.Process.Pid, exited: exited, how: func() string { return cmd.ProcessState.String() }}, nil
}
