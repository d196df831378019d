package kernel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// memoryNeeded is what must be free before anything is tried here: a scenario takes up to 1.4 GiB.
const memoryNeeded = 3 << 30

// baseVar tells a janitor what to remove.
const baseVar = "KILLORDER_KERNEL_BASE"

// testbed is where scenarios are played.
type testbed struct {
	stage
	base *group
	// janitor removes the base once the pipe to it is closed, by this process or by its end.
	janitor *exec.Cmd
	leash   *os.File
	// kernel is its version, "6.18".
	kernel string
}

// theTestbed is made once for all tests; the error says what is in the way.
var theTestbed = sync.OnceValues(newTestbed)

// opened is the testbed if a test asked for it.
var opened *testbed

// unfit is why the kernel cannot be judged on this machine; any other error is a failure.
type unfit struct{ error }

func newTestbed() (*testbed, error) {
	if err := checkMachine(); err != nil {
		return nil, unfit{err}
	}
	h, err := findHierarchy()
	if err != nil {
		return nil, unfit{err}
	}
	g := &testbed{kernel: kernelVersion()}
	name := basePrefix + strconv.Itoa(os.Getpid())
	if err := g.hireJanitor(filepath.Join(h.root, name)); err != nil {
		return nil, err
	}
	opened = g
	if g.base, err = h.newBase(name); err != nil {
		return nil, unfit{fmt.Errorf("no group can be made: %w", err)}
	}
	g.stage.real, err = canWriteNegativeAdj()
	return g, err
}

// checkMachine says what keeps this process from playing here.
func checkMachine() error {
	available, err := meminfo("MemAvailable")
	switch {
	case os.Geteuid() != 0:
		return errors.New("it needs root, to make memory cgroups")
	case raceDetector:
		return errors.New("the race detector's own memory would drown the scenarios")
	case os.Getpagesize() != pageSize:
		return fmt.Errorf("pages are %d bytes here", os.Getpagesize())
	case memfdCreate[runtime.GOARCH] == 0:
		return fmt.Errorf("memfd_create has no known number on %s", runtime.GOARCH)
	case err != nil:
		return err
	case available < memoryNeeded:
		return fmt.Errorf("%d MiB of memory are available, %d are needed", available/mib, memoryNeeded/mib)
	}
	if panics, err := os.ReadFile("/proc/sys/vm/panic_on_oom"); err == nil && strings.TrimSpace(string(panics)) == "2" {
		return errors.New("vm.panic_on_oom=2: the machine would go down")
	}
	return nil
}

// kernelVersion is the running kernel's, without its patch level.
func kernelVersion() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	parts := strings.SplitN(strings.TrimSpace(string(release)), ".", 3)
	if err != nil || len(parts) < 2 {
		return "of unknown version"
	}
	return parts[0] + "." + parts[1]
}

// hireJanitor starts a process that waits for the end of this one, in a session of its own, so that Ctrl-C does
// not end it as well.
func (g *testbed) hireJanitor(base string) error {
	end, leash, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = end.Close() }()
	g.leash = leash
	g.janitor = exec.Command("/proc/self/exe")
	g.janitor.Stdin = end
	g.janitor.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	g.janitor.Env = append(hogEnvironment(roleJanitor), baseVar+"="+base)
	return g.janitor.Start()
}

// janitorMain waits for the end of its input and removes the base group with all that is in it.
func janitorMain() int {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	path := os.Getenv(baseVar)
	if !strings.HasPrefix(filepath.Base(path), basePrefix) {
		return 2
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // an error ends the wait as well as the end does
	if (&group{path: path}).remove(answerPatience) != nil {
		return 1
	}
	return 0
}

// close has the janitor remove everything, and reports if something is left.
func (g *testbed) close() error {
	if err := g.leash.Close(); err != nil {
		return err
	}
	if err := g.janitor.Wait(); err != nil {
		return fmt.Errorf("groups are left under %s%d: janitor: %w", basePrefix, os.Getpid(), err)
	}
	return nil
}
