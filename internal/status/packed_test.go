package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// A packed status says what the status said, and its next version is compared with it as with the API server's.
func TestPacked(t *testing.T) {
	n := factstest.Crowded(110)
	_, s := Judge(n, factstest.Policy(), nil, 20, 1, factstest.Now)
	packed, err := Pack(&s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := packed.Unpack()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&s, got); diff != "" {
		t.Errorf("packed and unpacked (-want +got):\n%s", diff)
	}
	if plan := PlanWrite("n", got, &s, factstest.Now.Add(-time.Minute), factstest.Now); plan.Write {
		t.Error("an unpacked status differs from the one that was packed")
	}
	if again, err := Pack(got); err != nil || !again.Equal(packed) {
		t.Errorf("packed twice: %v, or not the same", err)
	}
	other := s
	other.Summary = s.Summary.DeepCopy()
	other.Summary.Pods++
	if p, err := Pack(&other); err != nil || p.Equal(packed) {
		t.Errorf("another status: %v, or the same", err)
	}
}

func TestPackedNothing(t *testing.T) {
	p, err := Pack(nil)
	if err != nil || !p.IsZero() {
		t.Errorf("no status: %+v, %v", p, err)
	}
	if s, err := p.Unpack(); s != nil || err != nil {
		t.Errorf("no status: %+v, %v", s, err)
	}
}

// BenchmarkUnpack is what each judgement of a node pays for not keeping the published status decoded.
func BenchmarkUnpack(b *testing.B) {
	v := engine.Evaluate(factstest.Crowded(30), factstest.Policy(), factstest.Now)
	s := statusOf(&v, factstest.Policy(), nil, 20, 1, factstest.Now)
	packed, err := Pack(&s)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(packed.deflated)), "B/status")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := packed.Unpack(); err != nil {
			b.Fatal(err)
		}
	}
}
