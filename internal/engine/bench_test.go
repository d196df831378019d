package engine_test

import (
	"testing"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// BenchmarkEvaluate judges a full node: 110 pods of two containers each. The aim is less than 100 microseconds
// and a handful of allocations a pod.
func BenchmarkEvaluate(b *testing.B) {
	n, p := factstest.Crowded(110), factstest.Policy()
	b.ReportAllocs()
	for b.Loop() {
		engine.Evaluate(n, p, factstest.Now)
	}
}

// BenchmarkEvictionOrder is the part of Evaluate that the kubelet's own rankMemoryPressure does.
func BenchmarkEvictionOrder(b *testing.B) {
	n := factstest.Crowded(110)
	b.ReportAllocs()
	for b.Loop() {
		evict.Order(n)
	}
}
