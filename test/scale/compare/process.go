package compare

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// ticks of a second in /proc/PID/stat: USER_HZ, which is 100 on every Linux.
const ticks = 100

// cpuOf returns the CPU time that a process has used so far, in the kernel too (proc(5), utime and stime).
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := bytes.Cut(text, []byte(") ")) // the name before may hold anything
	fields := strings.Fields(string(after))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticks, err
}

// shares tells how much CPU time each program has used since a moment: all programs share the cores of the machine.
type shares struct {
	programs []string
	before   map[string]time.Duration
	began    time.Time
}

// harness stands for this process among the programs: the simulated kubelets, and the watch that sees orders.
const harness = "kubelets and harness"

// sharesOf begins to count for the control plane and for this process.
func (b *bench) sharesOf() *shares {
	s := &shares{programs: []string{"kube-apiserver", "etcd", harness}, before: map[string]time.Duration{}, began: time.Now()}
	for _, name := range s.programs {
		s.before[name] = b.cpuUntilNow(name)
	}
	return s
}

// cpuUntilNow is the CPU time of a program; 0 if the program does not run.
func (b *bench) cpuUntilNow(name string) (used time.Duration) {
	pid, err := os.Getpid(), error(nil)
	if name != harness {
		pid, err = b.cluster.PID(name)
	}
	if err == nil {
		used, _ = cpuOf(pid)
	}
	return used
}

func (b *bench) print(s *shares) {
	fmt.Fprintf(b.Progress, "CPU seconds in %.1f s:", time.Since(s.began).Seconds())
	for _, name := range s.programs {
		fmt.Fprintf(b.Progress, " %s %.1f;", name, (b.cpuUntilNow(name) - s.before[name]).Seconds())
	}
	fmt.Fprintln(b.Progress)
}

// peakOf returns the most memory that a process has had resident so far, in bytes (proc(5), VmHWM).
func peakOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(line, "VmHWM:"); is {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmHWM", pid)
}

// command is what one run of a program took.
type command struct {
	wall, cpu time.Duration
	peak      int64 // bytes
	output    []byte
}

// run a program to its end. Its output is kept where wanted, and thrown away otherwise.
func run(ctx context.Context, keep bool, path string, args ...string) (c command, err error) {
	cmd := exec.CommandContext(ctx, path, args...)
	var out, complaints bytes.Buffer
	if keep {
		cmd.Stdout = &out
	}
	cmd.Stderr = &complaints
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return c, err
	}
	ended, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watchPeak(cmd.Process.Pid, ended) }()
	err = cmd.Wait()
	c.wall = time.Since(began)
	close(ended)
	if c.peak = <-peak; err != nil {
		return c, fmt.Errorf("%s %s: %w: %s", path, strings.Join(args, " "), err, complaints.Bytes())
	}
	c.cpu, c.output = cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), out.Bytes()
	return c, nil
}

// peakEvery is how often a program's peak is read. The peak only grows, so no more than the program's last moments are missed.
const peakEvery = 5 * time.Millisecond

// watchPeak returns the peak of a process that runs until ended is closed. getrusage(2) would count what this process itself takes:
// a new process begins as a copy.
func watchPeak(pid int, ended <-chan struct{}) (peak int64) {
	look := time.NewTicker(peakEvery)
	defer look.Stop()
	for {
		if now, err := peakOf(pid); err == nil { // none of a process that has ended
			peak = max(peak, now)
		}
		select {
		case <-ended:
			return peak
		case <-look.C:
		}
	}
}
