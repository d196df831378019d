package binaries

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// needs is said when a build fails.
const needs = "It needs Go 1.26 or later, a Go module proxy that answers, and about 3 GB of disk"

// builder builds programs into one folder.
type builder struct {
	Options
	bin string
}

func (b *builder) path(p program) string { return filepath.Join(b.bin, p.name) }

// stamp is the file beside the program that says what it was built from.
func (b *builder) stamp(p program) string {
	dir, name := filepath.Split(b.path(p))
	return filepath.Join(dir, "."+name+".stamp")
}

func (b *builder) moduleDir(p program) string {
	return filepath.Join(b.Root, "test", "cluster", "builds", p.module)
}

// build makes those programs that are missing or no longer what the pinned
// modules say.
func (b *builder) build(ctx context.Context, programs ...program) error {
	for _, p := range programs {
		if b.fresh(p) {
			continue
		}
		if b.Offline {
			return ErrMissing
		}
		if err := b.buildOne(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// fresh tells whether programs were built from the modules as they are now.
func (b *builder) fresh(programs ...program) bool {
	for _, p := range programs {
		want, err := b.recipe(p)
		if err != nil {
			return false
		}
		have, err := os.ReadFile(b.stamp(p))
		if err != nil || string(have) != want {
			return false
		}
		if _, err := os.Stat(b.path(p)); err != nil {
			return false
		}
	}
	return true
}

// recipe is all that decides what a program becomes, as a hash.
func (b *builder) recipe(p program) (string, error) {
	h := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(b.moduleDir(p), name))
		if err != nil {
			return "", err
		}
		h.Write(data)
	}
	fmt.Fprint(h, p.pkg, p.version, runtime.GOOS, runtime.GOARCH)
	return fmt.Sprintf("%x\n", h.Sum(nil)), nil
}

func (b *builder) buildOne(ctx context.Context, p program) error {
	version, err := requiredVersion(filepath.Join(b.moduleDir(p), "go.mod"), p.from)
	if err != nil {
		return err
	}
	what := p.name + " " + strings.TrimPrefix(version, "v")
	fmt.Fprintf(b.Progress, "building %s from source, %s the first time ...\n", what, p.effort)
	began := time.Now()
	stop := b.heartbeat(what, began)
	output, err := b.goBuild(ctx, p, version)
	stop()
	took := time.Since(began).Round(time.Second)
	if err != nil {
		return fmt.Errorf("building %s failed after %s: %w\n%s\n%s", what, took, err, lastLines(output, 10), needs)
	}
	fmt.Fprintf(b.Progress, "building %s: done in %s\n", what, took)
	recipe, err := b.recipe(p)
	if err != nil {
		return err
	}
	return os.WriteFile(b.stamp(p), []byte(recipe), 0o644)
}

// goBuild compiles to a file beside the program and then takes its place, so
// that a program that is running is never written to.
//
// All programs, and the repository's own by `make`, are compiled with the flags
// that GOFLAGS has, and those of the linker. The build cache then holds one copy
// of each package, and what the operator and its tests compiled is not compiled
// again.
func (b *builder) goBuild(ctx context.Context, p program, version string) ([]byte, error) {
	partial := b.path(p) + ".partial"
	defer os.Remove(partial)
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-ldflags", linkerFlags(p, version), "-o", partial, p.pkg)
	cmd.Dir = b.moduleDir(p)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	output, err := cmd.CombinedOutput()
	if err != nil {
		return output, err
	}
	return nil, os.Rename(partial, b.path(p))
}

// heartbeat prints now and then that a build is still going on.
func (b *builder) heartbeat(what string, began time.Time) (stop func()) {
	ticker, done := time.NewTicker(30*time.Second), make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for {
			select {
			case <-ticker.C:
				fmt.Fprintf(b.Progress, "building %s: %s so far\n", what, time.Since(began).Round(time.Second))
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
		<-finished
	}
}

func lastLines(output []byte, n int) []byte {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}
