package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// NodeSet is where the programs of a real node are, beside those of the control plane.
type NodeSet struct {
	Set
	ControllerManager, Scheduler, Kubelet, Containerd string
	// Plugins is the folder of the CNI plugins, Path the one with what containerd starts by name: its shim.
	Plugins, Path, Ctr string
	// Runc is the runtime: the machine's own, or Debian's, unpacked into bin/k8s.
	Runc string
}

const containerdVersion = "github.com/containerd/containerd/v2/version.Version"

var (
	nodePrograms = []program{
		kubernetesProgram("kubelet", "about 2 minutes on 2 cores"),
		kubernetesProgram("kube-controller-manager", "about a minute on 2 cores"),
		kubernetesProgram("kube-scheduler", "about 20 seconds on 2 cores"),
		containerdProgram("containerd", "about a minute on 2 cores"),
		containerdProgram("containerd-shim-runc-v2", "about 20 seconds"), containerdProgram("ctr", "about 20 seconds"),
		cniPlugin("main/bridge"), cniPlugin("main/loopback"), cniPlugin("ipam/host-local"),
	}
	runcPaths = []string{"/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc"}
)

func containerdProgram(name, effort string) program {
	return program{
		name: name, module: "containerd", from: "github.com/containerd/containerd/v2",
		pkg: "github.com/containerd/containerd/v2/cmd/" + name, version: []string{containerdVersion}, effort: effort,
	}
}

func cniPlugin(path string) program {
	return program{
		name: "cni/" + filepath.Base(path), module: "cni-plugins", from: "github.com/containernetworking/plugins",
		pkg: "github.com/containernetworking/plugins/plugins/" + path, effort: "some seconds",
	}
}

// FindNode returns the programs of a real node too. They are always built: a control plane of another version
// (KUBEBUILDER_ASSETS) would be judged by a kubelet it does not know, so it is built as well.
func FindNode(ctx context.Context, options Options) (NodeSet, error) {
	b := &builder{Options: options, bin: filepath.Join(options.Root, "bin", "k8s")}
	if err := os.MkdirAll(filepath.Join(b.bin, "cni"), 0o755); err != nil {
		return NodeSet{}, err
	}
	unlock, err := lock(filepath.Join(b.bin, ".lock"), func() {
		fmt.Fprintln(b.Progress, "waiting for another process that builds the same programs")
	})
	if err != nil {
		return NodeSet{}, err
	}
	defer unlock()
	for _, programs := range [][]program{controlPlane, {kubectl, metricsServer}, nodePrograms} {
		if err := b.build(ctx, programs...); err != nil {
			return NodeSet{}, err
		}
	}
	runc, err := b.runc(ctx)
	return NodeSet{
		Set: Set{
			Assets: b.bin, APIServer: b.in("kube-apiserver"), Etcd: b.in("etcd"), Kubectl: b.in("kubectl"),
			MetricsServer: b.path(metricsServer),
		},
		ControllerManager: b.in("kube-controller-manager"), Scheduler: b.in("kube-scheduler"),
		Kubelet: b.in("kubelet"), Containerd: b.in("containerd"), Ctr: b.in("ctr"),
		Plugins: b.in("cni"), Path: b.bin, Runc: runc,
	}, err
}

func (b *builder) in(name string) string { return filepath.Join(b.bin, name) }

// ErrNoRunc says that the machine has no runc, and offers none.
var ErrNoRunc = errors.New("runc is missing: install it (Debian and Ubuntu: apt-get install runc)")

// runc is not built here: it is partly C, and needs the headers of libseccomp. Where the machine has none, Debian's
// package is unpacked into bin/k8s, which installs nothing.
func (b *builder) runc(ctx context.Context) (string, error) {
	unpacked := b.in("debian/usr/sbin/runc")
	for _, path := range append(runcPaths, unpacked) {
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	if b.Offline {
		return "", ErrMissing
	}
	fmt.Fprintln(b.Progress, "runc is not installed: taking it out of the distribution's package")
	dir, err := os.MkdirTemp("", "killorder-runc-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if output, err := unpackDebian(ctx, "runc", dir, b.in("debian")); err != nil {
		return "", fmt.Errorf("%w: %w\n%s", ErrNoRunc, err, lastLines(output, 5))
	}
	if output, err := exec.CommandContext(ctx, unpacked, "--version").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: the package's does not run here: %w\n%s", ErrNoRunc, err, lastLines(output, 5))
	}
	return unpacked, nil
}

// unpackDebian downloads a package by way of dir and unpacks it.
func unpackDebian(ctx context.Context, name, dir, into string) ([]byte, error) {
	download := func() ([]byte, error) {
		cmd := exec.CommandContext(ctx, "apt-get", "download", "-q", name)
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	output, err := download()
	if err != nil { // package lists may be missing or old
		if output, err = exec.CommandContext(ctx, "apt-get", "update", "-q").CombinedOutput(); err != nil {
			return output, err
		}
		if output, err = download(); err != nil {
			return output, err
		}
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(found) != 1 {
		return output, fmt.Errorf("want one package, got %d", len(found))
	}
	return exec.CommandContext(ctx, "dpkg-deb", "-x", found[0], into).CombinedOutput()
}
