package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/e2e/isolate"
	"github.com/killorder/killorder/test/e2e/vm"
	"github.com/killorder/killorder/test/integration/harness"
)

var (
	rounds        = flag.Int("rounds", 10, "how often the kubelet and the kernel each choose among random pods")
	growingRounds = flag.Int("growing", 0, "rounds of pods that grow for five minutes; 0 leaves them out")
	seed          = flag.Uint64("seed", 0, "of the random pods (default: another one each time)")
	beside        = flag.String("beside", "", "suffix of this run's folder, control group and logs, to run beside another one")
	onVM          = flag.Bool("vm", false, "run the node in a virtual machine with cgroup v2")
)

// TestMain runs twice: outside it builds what is needed and starts itself again in namespaces of its own, where
// the suite runs.
func TestMain(m *testing.M) {
	flag.Parse()
	isolate.Beside(*beside)
	if *onVM {
		isolate.Elsewhere()
	}
	if isolate.Inside() {
		if err := isolate.Furnish(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	if why := obstacle(); why != "" {
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

// obstacle says why the suite cannot run on this machine; "" if no obstacle is known. Debian's packages for the virtual
// machine are downloaded here: without the packages the suite could test nothing.
func obstacle() string {
	if why := isolate.Obstacle(); why != "" || !*onVM {
		return why
	}
	if why := vm.Obstacle(); why != "" {
		return why
	}
	if _, err := vm.Download(context.Background(), packagesFolder()); err != nil {
		return fmt.Sprintf("Debian's packages for the virtual machine cannot be had: %v", err)
	}
	return ""
}

func outside() (status int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	_, err = binaries.FindNode(ctx, binaries.Options{Root: harness.Root(), Progress: os.Stderr})
	if err == nil && *onVM {
		err = build(ctx, operatorProgram(), harness.Root(), "./cmd/manager")
	}
	if err == nil && !*onVM {
		err = buildImage(ctx)
	}
	if err == nil {
		err = build(ctx, memhogProgram(), filepath.Join(harness.Root(), "test", "e2e"), "./memhog")
	}
	if err == nil && *onVM {
		err = build(ctx, agentProgram(), filepath.Join(harness.Root(), "test", "e2e"), "./vm/agent")
	}
	stop()
	if err != nil {
		return 0, err
	}
	return isolate.Run()
}

// build compiles a static binary, since the images have no libraries. The flags are those of all other builds (GOFLAGS):
// with other flags, Go's build cache would hold a second copy of all packages that the control plane's programs and the
// operator share.
func build(ctx context.Context, output, module, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-C", module, "-buildvcs=false", "-ldflags=-s -w -X main.version=e2e",
		"-o", output, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// operatorImage is what dist/install.yaml and the chart name: the one of the release that the file VERSION names.
func operatorImage() (string, error) {
	version, err := os.ReadFile(filepath.Join(harness.Root(), "VERSION"))
	return "ghcr.io/killorder/killorder:v" + strings.TrimSpace(string(version)), err
}

// buildImage makes the operator's image as `make image` does, for this machine's platform.
func buildImage(ctx context.Context) error {
	name, err := operatorImage()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "run", "-C", filepath.Join(harness.Root(), "tools", "image"), ".",
		"-o", artifact("image"), "-name", name, "-platforms", "linux/"+runtime.GOARCH, "-version", "e2e")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the image: %w\n%s", err, text)
	}
	return nil
}

// artifact is a file that stays after a run: programs, and the logs of the last one.
func artifact(name ...string) string {
	return filepath.Join(append([]string{harness.Root(), "bin", "e2e"}, name...)...)
}

func operatorProgram() string { return artifact("manager") }
func memhogProgram() string   { return artifact("memhog") }
func agentProgram() string    { return artifact("agent") }
func packagesFolder() string  { return artifact("packages") }
