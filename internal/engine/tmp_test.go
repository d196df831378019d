package engine

import (
	"syscall"
	"testing"

	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts/factstest"
)

func cpu() int64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

func run(b *testing.B, f func()) {
	c := cpu()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(cpu()-c)/float64(b.N), "cpu-ns/op")
}

func BenchmarkTmp(b *testing.B) {
	n := factstest.Crowded(110)
	p := factstest.Policy()
	b.Run("oom", func(b *testing.B) { run(b, func() { oom.Order(n, n.Capacity) }) })
	b.Run("limit", func(b *testing.B) { run(b, func() { limitOrder(n) }) })
	b.Run("evict", func(b *testing.B) { run(b, func() { evict.Order(n) }) })
	b.Run("all", func(b *testing.B) { run(b, func() { Evaluate(n, p, factstest.Now) }) })
}
