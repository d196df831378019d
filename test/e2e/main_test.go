package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/e2e/isolate"
	"github.com/killorder/killorder/test/integration/harness"
)

var (
	rounds = flag.Int("rounds", 10, "how often the kubelet and the kernel each choose among random pods")
	seed   = flag.Uint64("seed", 0, "of the random pods (default: another one each time)")
)

// TestMain runs twice: outside it builds what is needed and starts itself again in namespaces of its own, where
// the suite runs.
func TestMain(m *testing.M) {
	flag.Parse()
	if isolate.Inside() {
		if err := isolate.Furnish(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	if why := isolate.Obstacle(); why != "" {
		fmt.Println("e2e: SKIPPED, nothing was tested:", why)
		os.Exit(0)
	}
	status, err := outside()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		status = 1
	}
	os.Exit(status)
}

func outside() (status int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	_, err = binaries.FindNode(ctx, binaries.Options{Root: harness.Root(), Progress: os.Stderr})
	if err == nil {
		err = build(ctx, operatorProgram(), harness.Root(), "./cmd/manager")
	}
	if err == nil {
		err = build(ctx, memhogProgram(), filepath.Join(harness.Root(), "test", "e2e"), "./memhog")
	}
	stop()
	if err != nil {
		return 0, err
	}
	return isolate.Run()
}

// build compiles a static binary, as an image without anything else needs it.
func build(ctx context.Context, output, module, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-C", module, "-buildvcs=false", "-ldflags=-s -w -X main.version=e2e",
		"-o", output, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// artifact is a file that stays after a run: programs, and the logs of the last one.
func artifact(name ...string) string {
	return filepath.Join(append([]string{harness.Root(), "bin", "e2e"}, name...)...)
}

func operatorProgram() string { return artifact("manager") }
func memhogProgram() string   { return artifact("memhog") }
