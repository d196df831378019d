package kernel

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/killorder/killorder/internal/engine/oom"
)

// TestScore: /proc/PID/oom_score of living processes is the engine's Score, give or take the rounding of a
// counter that moves between two reads. It needs no root, but then only adj that may be written are compared.
func TestScore(t *testing.T) {
	total := totalMemory(t)
	p := &process{}
	defer p.end()
	if err := p.spawn(roleHog); err != nil {
		t.Fatal(err)
	}
	for _, grow := range []int64{0, 10 * mib, 100 * mib, 300 * mib, 800 * mib} {
		if available, err := meminfo("MemAvailable"); err != nil || available < 2*grow+memoryNeeded/2 {
			break // a small machine is compared at smaller sizes
		}
		if err := p.do("map", max(grow, pageSize)); err != nil {
			t.Fatal(err)
		}
		for _, adj := range []int32{-1000 + 1, -997, -500, -1, 0, 1, 2, 3, 250, 333, 500, 750, 937, 998, 999, 1000} {
			if err := p.writeAdj(adj); err != nil {
				continue // it takes CAP_SYS_RESOURCE to go below what the process was started with
			}
			p.compareScore(t, adj, total)
		}
	}
	if found.scores == 0 {
		t.Error("nothing was compared")
	}
}

func (p *process) compareScore(t *testing.T, adj int32, total int64) {
	t.Helper()
	m, err := p.memory()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.file("oom_score"))
	if err != nil {
		t.Fatal(err)
	}
	kernels, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	found.scores++
	switch ours := int(oom.Score(m.sum(), adj, total)); ours - kernels {
	case 0:
		found.equal++
	case 1, -1:
		found.offByOne++
	default:
		t.Errorf("oom_score of %d bytes with adj %d on %d bytes: the kernel says %d, the engine %d", m.sum(), adj, total, kernels, ours)
	}
}

func totalMemory(t *testing.T) int64 {
	t.Helper()
	memory, err := meminfo("MemTotal")
	if err != nil {
		t.Fatal(err)
	}
	swap, err := meminfo("SwapTotal")
	if err != nil {
		t.Fatal(err)
	}
	return memory + swap
}
