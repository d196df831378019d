package compare

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// placeApart gives the control plane half of the cores for itself. This process, the programs that run and all that this process starts
// from now on get the other half. So the API server answers as from a machine of its own, and the operator takes nothing away from it.
// together undoes that.
func (b *bench) placeApart() (together func() error, err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, fmt.Errorf("reading the cores of this process: %w", err)
	}
	first, second, err := halves(all)
	if err != nil {
		return nil, err
	}
	place := func(control, others unix.CPUSet) error {
		err := placeProcess(os.Getpid(), others)
		for _, name := range []string{"kube-apiserver", "etcd"} {
			pid, missing := b.cluster.PID(name)
			if missing == nil {
				missing = placeProcess(pid, control)
			}
			err = errors.Join(err, missing)
		}
		return err
	}
	return func() error { return place(all, all) }, place(first, second)
}

// halves of some cores. The first half has one core more if their number is odd.
func halves(all unix.CPUSet) (first, second unix.CPUSet, err error) {
	n := all.Count()
	if n < 2 {
		return first, second, fmt.Errorf("-apart needs two cores, and this process has %d", n)
	}
	for core, seen := 0, 0; seen < n; core++ {
		if !all.IsSet(core) {
			continue
		}
		if seen++; seen <= (n+1)/2 {
			first.Set(core)
		} else {
			second.Set(core)
		}
	}
	return first, second, nil
}

// placeProcess lets all threads of a process run on some cores only. A thread that starts meanwhile has the cores of the thread that
// started it, so placeProcess looks for threads until it finds no new one.
func placeProcess(pid int, cores unix.CPUSet) error {
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
			if err := unix.SchedSetaffinity(id, &cores); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("placing thread %d of process %d: %w", id, pid, err)
			}
		}
		if !found {
			return nil
		}
	}
}
