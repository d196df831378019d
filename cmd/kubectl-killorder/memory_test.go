package main

import (
	"runtime"
	"testing"
)

// TestAfterEachCollection: what is called learns what is in use, again and again.
func TestAfterEachCollection(t *testing.T) {
	calls := make(chan int64, 100)
	afterEachCollection(func(inUse int64) { calls <- inUse })
	held := make([]byte, 32<<20)
	for range 3 {
		runtime.GC()
		if inUse := <-calls; inUse < 32<<20 {
			t.Errorf("%d bytes in use, with %d held", inUse, len(held))
		}
	}
	runtime.KeepAlive(held)
}
