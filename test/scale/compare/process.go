package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
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
	if err := cmd.Run(); err != nil {
		return c, fmt.Errorf("%s %s: %w: %s", path, strings.Join(args, " "), err, complaints.Bytes())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return c, errors.New("no resource usage of a process here")
	}
	return command{
		wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peak: usage.Maxrss << 10, output: out.Bytes(),
	}, nil
}
