package factstest

import "runtime"

// Heap returns how many bytes are in use once garbage has been collected. The second collection takes what the first one finalized.
func Heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
