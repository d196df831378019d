package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// leastMemory is what the program may take before its garbage is collected, in bytes: a command on a small cluster ends
	// before that.
	leastMemory = 38 << 20
	// overhead is what the Go runtime itself takes, in bytes.
	overhead = 6 << 20
)

// paceGarbage has garbage collected when the program takes leastMemory, or half as much again as is in use, whichever is more.
// Go's own pace begins at 4 MB: for 30,000 pods, that takes a fifth more of the CPU's time, and a sixth more memory. GOGC and
// GOMEMLIMIT go before.
func paceGarbage() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(leastMemory)
	limit := int64(leastMemory)
	afterEachCollection(func(inUse int64) {
		if want := max(leastMemory, inUse+inUse/2+overhead); want != limit {
			limit = want
			debug.SetMemoryLimit(limit)
		}
	})
}

// afterEachCollection calls do with the bytes in use whenever garbage has been collected.
func afterEachCollection(do func(inUse int64)) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var again func(*sentinel)
	again = func(*sentinel) {
		metrics.Read(sample)
		do(int64(sample[0].Value.Uint64()))
		runtime.SetFinalizer(new(sentinel), again)
	}
	runtime.SetFinalizer(new(sentinel), again)
}

// sentinel is garbage from the beginning, and finalized by the next collection. Objects without pointers could share memory with
// others, and live as long as those.
type sentinel struct{ _ *sentinel }
