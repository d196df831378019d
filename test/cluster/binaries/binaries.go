// Package binaries finds or makes the programs of a control plane.
//
// kube-apiserver and etcd come from KUBEBUILDER_ASSETS where that variable is
// set; else from what was built before; else from setup-envtest where its
// download answers; else the package builds them from the pinned modules under
// builds/. kubectl comes from the same folder where the folder has one.
// metrics-server, which nobody offers for download, is always built.
package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Set is where the programs are.
type Set struct {
	// Assets is the folder of kube-apiserver and etcd (and kubectl, if asked
	// for), as KUBEBUILDER_ASSETS means it.
	Assets          string
	APIServer, Etcd string
	// Kubectl and MetricsServer are empty unless the caller asked for them.
	Kubectl, MetricsServer string
}

// Options say where to look, and for what.
type Options struct {
	// Root is the repository; programs go to its bin/k8s.
	Root string
	// Kubectl and MetricsServer are wanted beside kube-apiserver and etcd.
	Kubectl, MetricsServer bool
	// Progress is told what takes time.
	Progress io.Writer
	// Offline takes only what is there: ErrMissing if something is not.
	Offline bool
}

// ErrMissing says that programs would have to be downloaded or built.
var ErrMissing = errors.New("a program of the cluster (kube-apiserver, etcd, kubectl, metrics-server) is not built yet")

// Find returns the programs that are wanted, having built those that are missing. A second
// call returns at once; so does a second process, which waits for the first.
func Find(ctx context.Context, options Options) (Set, error) {
	b := &builder{Options: options, bin: filepath.Join(options.Root, "bin", "k8s")}
	if err := os.MkdirAll(b.bin, 0o755); err != nil {
		return Set{}, err
	}
	unlock, err := lock(filepath.Join(b.bin, ".lock"), func() {
		fmt.Fprintln(b.Progress, "waiting for another process that builds the same programs")
	})
	if err != nil {
		return Set{}, err
	}
	defer unlock()
	assets, err := b.assets(ctx)
	if err != nil {
		return Set{}, err
	}
	set := Set{Assets: assets, APIServer: filepath.Join(assets, apiServer.name), Etcd: filepath.Join(assets, etcd.name)}
	if options.Kubectl {
		set.Kubectl = filepath.Join(assets, kubectl.name)
	}
	if options.MetricsServer {
		set.MetricsServer = b.path(metricsServer)
		err = b.build(ctx, metricsServer)
	}
	return set, err
}

// StateMetrics returns kube-state-metrics, beside which test/scale measures the operator, having built it if it is missing.
// The lock is its own: nobody who wants a cluster waits for this program.
func StateMetrics(ctx context.Context, options Options) (string, error) {
	b := &builder{Options: options, bin: filepath.Join(options.Root, "bin", "k8s")}
	if err := os.MkdirAll(b.bin, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(b.bin, ".kube-state-metrics.lock"), func() {
		fmt.Fprintln(b.Progress, "waiting for another process that builds kube-state-metrics")
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	return b.path(stateMetrics), b.build(ctx, stateMetrics)
}

// downloaded are the programs that setup-envtest's archives and a folder named
// by KUBEBUILDER_ASSETS have to hold.
func (b *builder) downloaded() []program {
	if b.Kubectl {
		return append(slices.Clone(controlPlane), kubectl)
	}
	return controlPlane
}

// assets returns the folder of kube-apiserver and etcd, and of kubectl if wanted.
func (b *builder) assets(ctx context.Context) (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		if err := b.complete(dir); err != nil {
			return "", fmt.Errorf("KUBEBUILDER_ASSETS=%s: %w", dir, err)
		}
		return filepath.Abs(dir)
	}
	if b.fresh(b.downloaded()...) {
		return b.bin, nil
	}
	dir, err := b.envtest(ctx)
	if err == nil {
		return dir, nil
	}
	if b.Offline {
		return "", ErrMissing
	}
	fmt.Fprintf(b.Progress, "no ready-made programs (%v): building from source\n", err)
	return b.bin, b.build(ctx, b.downloaded()...)
}

// complete checks that a folder has all programs that are wanted from it.
func (b *builder) complete(dir string) error {
	var missing []error
	for _, p := range b.downloaded() {
		if info, err := os.Stat(filepath.Join(dir, p.name)); err != nil || info.Mode()&0o111 == 0 {
			missing = append(missing, fmt.Errorf("no program %s there", p.name))
		}
	}
	return errors.Join(missing...)
}
