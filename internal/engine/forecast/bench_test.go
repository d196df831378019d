package forecast

import (
	"testing"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// crowded is a full node with both signals known and as many limits watched as can be.
func crowded() engine.Verdict {
	n := factstest.Crowded(110)
	n.Config = &facts.KubeletConfig{EvictionHard: facts.Threshold{Set: true, Bytes: 100 * miB}, PodsEnforced: true}
	n.Usage.PodsWorkingSet = n.Usage.WorkingSet
	for range maxLimits {
		n.Pods = append(n.Pods, limited("near", giB, 900*miB).State())
		n.Pods[len(n.Pods)-1].UID += string(rune('a' + len(n.Pods)%26))
	}
	return engine.Evaluate(n, factstest.Policy(), factstest.Now)
}

// reread makes the verdict one of readings half a minute later.
func reread(v *engine.Verdict) time.Time {
	v.Node.Usage.ObservedAt = v.Node.Usage.ObservedAt.Add(30 * time.Second)
	return v.Node.Usage.ObservedAt
}

// BenchmarkPredict takes a new reading of a full node each time: the aim is a tenth of what Evaluate takes.
func BenchmarkPredict(b *testing.B) {
	v, m := crowded(), &History{}
	b.ReportAllocs()
	for b.Loop() {
		Predict(&v, m, reread(&v))
	}
}

func TestPredictAllocatesNothing(t *testing.T) {
	v, m := crowded(), &History{}
	Predict(&v, m, reread(&v))
	if len(m.limits) != maxLimits || m.pods.count == 0 {
		t.Fatalf("%d limits watched, %d samples of the pods: not the full case", len(m.limits), m.pods.count)
	}
	if n := testing.AllocsPerRun(100, func() { Predict(&v, m, reread(&v)) }); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}
