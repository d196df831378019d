// Package binaries finds or makes the programs of a control plane.
//
// kube-apiserver, etcd and kubectl come from KUBEBUILDER_ASSETS where that is
// set; else from what was built before; else from setup-envtest where its
// download answers; else they are built from the pinned modules under builds/.
// metrics-server, which nobody offers for download, is always built.
package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Set is where the programs are.
type Set struct {
	// Assets is the folder of kube-apiserver, etcd and kubectl, as
	// KUBEBUILDER_ASSETS means it.
	Assets                                  string
	APIServer, Etcd, Kubectl, MetricsServer string
}

// Options say where to look.
type Options struct {
	// Root is the repository; programs go to its bin/k8s.
	Root string
	// Progress is told what takes time.
	Progress io.Writer
	// Offline takes only what is there: ErrMissing if something is not.
	Offline bool
}

// ErrMissing says that programs would have to be downloaded or built.
var ErrMissing = errors.New("kube-apiserver, etcd, kubectl or metrics-server is not built yet")

// Find returns all programs, having built those that are missing. A second
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
	set := Set{
		Assets:    assets,
		APIServer: filepath.Join(assets, "kube-apiserver"), Etcd: filepath.Join(assets, "etcd"), Kubectl: filepath.Join(assets, "kubectl"),
		MetricsServer: b.path(metricsServer),
	}
	return set, b.build(ctx, metricsServer)
}

// assets returns the folder of kube-apiserver, etcd and kubectl.
func (b *builder) assets(ctx context.Context) (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		if err := complete(dir); err != nil {
			return "", fmt.Errorf("KUBEBUILDER_ASSETS=%s: %w", dir, err)
		}
		return filepath.Abs(dir)
	}
	if b.fresh(controlPlane...) {
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
	return b.bin, b.build(ctx, controlPlane...)
}

// complete checks that a folder has all programs of a control plane.
func complete(dir string) error {
	var missing []error
	for _, p := range controlPlane {
		if info, err := os.Stat(filepath.Join(dir, p.name)); err != nil || info.Mode()&0o111 == 0 {
			missing = append(missing, fmt.Errorf("no program %s there", p.name))
		}
	}
	return errors.Join(missing...)
}
