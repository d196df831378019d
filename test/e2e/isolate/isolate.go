// Package isolate runs the suite where nothing of the machine can be touched: in network, mount and process
// namespaces of its own. When its first process ends, in whatever way, the kernel ends all others, and mounts and
// interfaces are gone with them. Only what lies outside is removed by hand: one folder, and one control group.
package isolate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

// Name of all that the suite makes outside of its namespaces.
const Name = "killorder-e2e"

// run is the name of this run's folder and control group.
var run = Name

// Beside gives this run names of its own, which end with the suffix, so that a run without one, or with another, may go on
// at the same time. It has to be called before all else, inside too.
func Beside(suffix string) {
	if suffix != "" {
		run = Name + "-" + suffix
	}
}

// CgroupRoot is the suite's control group, as the kernel and the kubelet name it.
func CgroupRoot() string { return "/" + run }

// inside marks the process that is the first in the namespaces.
const inside = "KILLORDER_E2E_INSIDE"

// namespaces that the suite has for itself.
const namespaces = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS

// Inside reports whether this process is the one to run the suite.
func Inside() bool { return os.Getenv(inside) != "" && os.Getpid() == 1 }

// elsewhere is whether the node's control groups are those of another machine.
var elsewhere bool

// Elsewhere makes no control groups here, and uses a folder of its own, so that both profiles may run at a time: the node
// is in a virtual machine. It has to be called before all else, inside too.
func Elsewhere() { elsewhere = true }

// Dir is the suite's folder, removed in the end.
func Dir() string {
	if elsewhere {
		return filepath.Join(os.TempDir(), run+"-vm")
	}
	return filepath.Join(os.TempDir(), run)
}

// Run runs this program again, inside, and returns its exit status. It removes what an earlier run left that had
// not even the chance to end.
func Run(env ...string) (status int, err error) {
	unlock, err := lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	if err := clean(); err != nil {
		return 0, fmt.Errorf("removing what an earlier run left: %w", err)
	}
	defer func() { err = errors.Join(err, clean()) }()
	if err := errors.Join(makeCgroups(), os.MkdirAll(Dir(), 0o755)); err != nil {
		return 0, err
	}
	// The kernel ends the suite with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(append(os.Environ(), inside+"=1"), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: namespaces,
		Setpgid:    true, // Ctrl-C comes once, by way of this process
		Pdeathsig:  syscall.SIGKILL,
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	if cmd.ProcessState.ExitCode() < 0 {
		return 0, fmt.Errorf("the suite ended: %s", cmd.ProcessState)
	}
	return cmd.ProcessState.ExitCode(), nil
}

// lock lets one run at a time use the names.
func lock() (unlock func(), err error) {
	path := Dir() + ".lock"
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("another run of the suite holds %s: %w", path, err)
	}
	return func() { _ = errors.Join(os.Remove(path), file.Close()) }, nil
}

func clean() error { return errors.Join(removeCgroups(), os.RemoveAll(Dir())) }
