package scale

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// cost of doing something, to this process. What other processes do meanwhile adds to the wall time only.
type cost struct {
	wall, cpu time.Duration
	// allocated bytes, in so many pieces.
	bytes, pieces uint64
}

// costOf measures what the function takes.
func costOf(t *testing.T, do func()) cost {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, used := time.Now(), cpuTime(t)
	do()
	c := cost{wall: time.Since(began), cpu: cpuTime(t) - used}
	runtime.ReadMemStats(&after)
	c.bytes, c.pieces = after.TotalAlloc-before.TotalAlloc, after.Mallocs-before.Mallocs
	return c
}

// per returns the cost of each of n answers as text.
func (c cost) per(n int) string {
	return fmt.Sprintf("%.2f CPU seconds (%.0f us an answer), %d B and %d allocations an answer, %.1f s",
		c.cpu.Seconds(), c.cpu.Seconds()*1e6/float64(n), c.bytes/uint64(n), c.pieces/uint64(n), c.wall.Seconds())
}

// cpuTime that this process has used, in the kernel too.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory that is in use once all garbage is gone, in bytes.
type memory struct{ heap, stacks int64 }

func memoryNow() memory {
	var m runtime.MemStats
	for range 3 { // pools are emptied by the second, what has a cleanup goes with the third
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return memory{heap: int64(m.HeapAlloc), stacks: int64(m.StackInuse)}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// held is what a process must not hold more and more of.
type held struct{ goroutines, files int }

func heldNow(t *testing.T) held {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return held{goroutines: runtime.NumGoroutine(), files: len(files)}
}

// eventually waits until no more is held than was: kubelets that hang are asked until the next pass is nearly due, and
// given up 10 seconds later.
func (h held) eventually(t *testing.T) {
	t.Helper()
	var now held
	for range 300 {
		now = heldNow(t)
		if now.goroutines <= h.goroutines && now.files <= h.files {
			t.Logf("goroutines %d before, %d after; open files %d before, %d after", h.goroutines, now.goroutines, h.files, now.files)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("goroutines grew from %d to %d, open files from %d to %d", h.goroutines, now.goroutines, h.files, now.files)
}
