package cli

import (
	"io"
	"runtime"
	"testing"

	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/snapshot"
)

// BenchmarkRankedMemory reports what a node of 30 pods takes, in bytes of heap, from its judgement until all nodes are printed.
func BenchmarkRankedMemory(b *testing.B) {
	const nodes = 500
	s := &snapshot.Snapshot{Policy: extract.DefaultPolicy(), Now: factstest.Now}
	p := table.NewPrinter(io.Discard, false, table.ColourNever)
	for b.Loop() {
		kept := make([]table.Rendered, nodes)
		before := factstest.Heap()
		for i := range kept {
			j := judgeNode(factstest.Crowded(30), s, defaultTop)
			var err error
			if kept[i], err = p.Render(tableOf(&j), false); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(factstest.Heap()-before)/nodes, "bytes/node")
		runtime.KeepAlive(kept)
	}
}
