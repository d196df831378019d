package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// How long setup-envtest may take to say what can be downloaded (a host that
// cannot be reached must not hold anybody up), and then to download it.
const (
	envtestAnswers   = 8 * time.Second
	envtestDownloads = 5 * time.Minute
)

// envtest returns the folder of programs that setup-envtest has downloaded,
// now or earlier.
func (b *builder) envtest(ctx context.Context) (string, error) {
	version, err := b.wantedEnvtest()
	if err != nil {
		return "", err
	}
	tool, err := b.envtestTool(ctx)
	if err != nil {
		return "", err
	}
	store := filepath.Join(b.bin, "envtest")
	dir, err := b.runEnvtest(ctx, envtestAnswers, tool, "use", version, "--installed-only", "--print=path", "--bin-dir="+store)
	if err == nil {
		return dir, b.complete(dir)
	}
	if b.Offline {
		return "", ErrMissing
	}
	fmt.Fprintf(b.Progress, "asking setup-envtest for Kubernetes %s\n", version)
	if _, err := b.runEnvtest(ctx, envtestAnswers, tool, "list", version, "--bin-dir="+store); err != nil {
		return "", fmt.Errorf("setup-envtest: %w", err)
	}
	fmt.Fprintf(b.Progress, "downloading Kubernetes %s with setup-envtest\n", version)
	dir, err = b.runEnvtest(ctx, envtestDownloads, tool, "use", version+"!", "--print=path", "--bin-dir="+store)
	if err != nil {
		return "", fmt.Errorf("setup-envtest: %w", err)
	}
	return dir, b.complete(dir)
}

// wantedEnvtest is the pinned minor version, of which setup-envtest takes the
// newest patch it knows (with an exclamation mark: that there is).
func (b *builder) wantedEnvtest() (string, error) {
	p := apiServer
	version, err := requiredVersion(filepath.Join(b.moduleDir(p), "go.mod"), p.from)
	if err != nil {
		return "", err
	}
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	return parts[0] + "." + parts[1] + ".x", nil
}

// envtestTool builds setup-envtest, a small program, from the tools module.
func (b *builder) envtestTool(ctx context.Context) (string, error) {
	path := filepath.Join(b.Root, "bin", "tools", "setup-envtest")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if b.Offline {
		return "", ErrMissing
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "sigs.k8s.io/controller-runtime/tools/setup-envtest")
	cmd.Dir = filepath.Join(b.Root, "tools")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building setup-envtest: %w: %s", err, lastLines(output, 1))
	}
	return path, nil
}

// runEnvtest returns what setup-envtest prints, or the last line it complained.
func (b *builder) runEnvtest(ctx context.Context, timeout time.Duration, tool string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	output, err := exec.CommandContext(ctx, tool, args...).Output()
	if ctx.Err() != nil {
		return "", fmt.Errorf("no answer within %s", timeout)
	}
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", errors.New(firstLine(failed.Stderr))
	}
	if err == nil && strings.TrimSpace(string(output)) == "" {
		return "", errors.New("it has no such version")
	}
	return strings.TrimSpace(string(output)), err
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}
