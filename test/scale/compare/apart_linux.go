package compare

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// cores of this process: all of them, and two halves.
type cores struct{ all, first, second unix.CPUSet }

// readCores fails where this process has one core only.
func readCores() (cores, error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return cores{}, fmt.Errorf("reading the cores of this process: %w", err)
	}
	return halve(all)
}

// halve some cores. The first half has one core more if their number is odd.
func halve(all unix.CPUSet) (cores, error) {
	c, n := cores{all: all}, all.Count()
	if n < 2 {
		return c, fmt.Errorf("-apart needs two cores, and this process has %d", n)
	}
	for core, seen := 0, 0; seen < n; core++ {
		if !all.IsSet(core) {
			continue
		}
		if seen++; seen <= (n+1)/2 {
			c.first.Set(core)
		} else {
			c.second.Set(core)
		}
	}
	return c, nil
}

// placeApart gives the control plane half of the cores for itself. This process, and what this process starts from now on, get the other
// half; no other program runs by then. So the operator takes nothing away from the API server, as where the API server has a machine of
// its own. restore gives all cores back.
func (b *bench) placeApart() (restore func() error, err error) {
	c, err := readCores()
	if err != nil {
		return nil, err
	}
	place := func(control, others unix.CPUSet) error {
		err := placeProcess(os.Getpid(), others)
		for _, name := range []string{"kube-apiserver", "etcd"} {
			pid, failed := b.cluster.PID(name)
			if failed == nil {
				failed = placeProcess(pid, control)
			}
			err = errors.Join(err, failed)
		}
		return err
	}
	restore = func() error { return place(c.all, c.all) }
	if err := place(c.first, c.second); err != nil {
		return nil, errors.Join(err, restore())
	}
	return restore, nil
}

// placeProcess lets all threads of a process run on some cores only. A thread that starts meanwhile has the cores of the thread that
// started it, so placeProcess looks for threads until it finds no new one.
func placeProcess(pid int, on unix.CPUSet) error {
	placed := map[string]bool{}
	for {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return err
		}
		found := false
		for _, t := range threads {
			if placed[t.Name()] {
				continue
			}
			placed[t.Name()], found = true, true
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(id, &on); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("placing thread %d of process %d: %w", id, pid, err)
			}
		}
		if !found {
			return nil
		}
	}
}
