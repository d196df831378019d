package compare

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/killorder/killorder/test/cluster/cluster"
)

// keyFile says, beside what was loaded, from what that was made.
const keyFile = "key"

// loaded returns the folder with the scenario loaded, in bin/loaded. The scenario is loaded where the folder was made from another
// scenario, with another version of Kubernetes, or by other code.
func (b *bench) loaded(ctx context.Context, options cluster.Options, text string) (string, error) {
	folder := filepath.Join(b.Root, "bin", "loaded", fmt.Sprintf("%d-nodes-%d-pods", b.Options.Nodes, b.Options.Pods))
	key, err := b.keyOf(fmt.Sprintln(text, options.Scenario.Ran), options.Binaries.APIServer, options.Binaries.Etcd)
	if err != nil {
		return "", err
	}
	if kept, err := os.ReadFile(filepath.Join(folder, keyFile)); err == nil && bytes.Equal(kept, key) {
		return folder, nil
	}
	if err := os.RemoveAll(folder); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o750); err != nil {
		return "", err
	}
	began := time.Now()
	if err := cluster.KeepLoaded(ctx, options, folder); err != nil {
		return "", fmt.Errorf("loading once: %w", err)
	}
	fmt.Fprintf(b.Progress, "loaded once, for later runs too, into %s: %.1f s\n", folder, time.Since(began).Seconds())
	return folder, os.WriteFile(filepath.Join(folder, keyFile), key, 0o600)
}

// keyOf a scenario's text, the code that makes objects of the text, and the programs that store these objects.
func (b *bench) keyOf(text string, programs ...string) ([]byte, error) {
	sum := sha256.New()
	_, _ = io.WriteString(sum, text)
	var code []string
	for _, folder := range []string{"scenario", "loader"} {
		found, err := filepath.Glob(filepath.Join(b.Root, "test", "cluster", folder, "*.go"))
		if err != nil {
			return nil, err
		}
		code = append(code, found...)
	}
	slices.Sort(code)
	for _, file := range code {
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		_, _ = sum.Write(source)
	}
	for _, program := range programs {
		info, err := os.Stat(program)
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(sum, info.Name(), info.Size(), info.ModTime().UnixNano())
	}
	return fmt.Appendf(nil, "%x\n", sum.Sum(nil)), nil
}
