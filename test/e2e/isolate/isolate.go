// Package isolate runs the suite in network, mount and process namespaces of its own, so that the suite cannot change
// anything of the machine. When the first process of the namespaces ends, in whatever way, the kernel ends all other
// processes, and the mounts and interfaces disappear with the namespaces. Only two things are outside and have to be
// removed: one folder, and one control group.
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

// Beside gives this run names of its own, which end with the suffix, so that another run (without a suffix, or with another
// one) can go on at the same time. Beside has to be called before all else, also in the process inside the namespaces.
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

// elsewhere: the node runs on another machine, so its control groups are not made here.
var elsewhere bool

// Elsewhere says that the node is in a virtual machine: the run then makes no control groups here and uses a folder of its
// own, so that a run of each profile can go on at the same time. Elsewhere has to be called before all else, also in the
// process inside the namespaces.
func Elsewhere() { elsewhere = true }

// Dir is the suite's folder, removed in the end.
func Dir() string {
	if elsewhere {
		return filepath.Join(os.TempDir(), run+"-vm")
	}
	return filepath.Join(os.TempDir(), run)
}

// Run runs this program again inside the namespaces, and returns its exit status. Before that, Run removes what an earlier
// run has left that was stopped too suddenly to clean up.
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
		Setpgid:    true, // the child gets Ctrl-C once, from this process, not also from the terminal
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

// lock makes sure that only one run at a time uses the names.
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
