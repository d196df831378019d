package packed_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/packed"
	"github.com/killorder/killorder/internal/status"
)

// A packed status says what the status said, and its next version is compared with it as with the API server's.
func TestPacked(t *testing.T) {
	n := factstest.Crowded(110)
	_, s := status.Judge(n, factstest.Policy(), nil, 20, 1, factstest.Now)
	kept, err := packed.Pack(&s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := kept.Unpack()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&s, got); diff != "" {
		t.Errorf("packed and unpacked (-want +got):\n%s", diff)
	}
	if plan := status.PlanWrite("n", got, &s, true, factstest.Now.Add(-time.Minute), factstest.Now); plan.Write {
		t.Error("an unpacked status differs from the one that was packed")
	}
	if again, err := packed.Pack(got); err != nil || !again.Equal(kept) {
		t.Errorf("packed twice: %v, or not the same", err)
	}
	other := s
	other.Summary = s.Summary.DeepCopy()
	other.Summary.Pods++
	if p, err := packed.Pack(&other); err != nil || p.Equal(kept) {
		t.Errorf("another status: %v, or the same", err)
	}
}

func TestPackedNothing(t *testing.T) {
	p, err := packed.Pack(nil)
	if err != nil || !p.IsZero() {
		t.Errorf("no status: %+v, %v", p, err)
	}
	if s, err := p.Unpack(); s != nil || err != nil {
		t.Errorf("no status: %+v, %v", s, err)
	}
}

// TestDictionary: the dictionary is a status of today, so the fields' names that need not be kept again are those of
// the API.
func TestDictionary(t *testing.T) {
	text, err := os.ReadFile("dictionary.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v1alpha1.NodeKillOrderStatus{}); err != nil {
		t.Errorf("dictionary.json is no status: %v", err)
	}
}

// BenchmarkPack is what each write of a status pays, and reports what is then kept.
func BenchmarkPack(b *testing.B) {
	_, s := status.Judge(factstest.Crowded(30), factstest.Policy(), nil, 20, 1, factstest.Now)
	b.ReportAllocs()
	for b.Loop() {
		kept, err := packed.Pack(&s)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(kept.Size()), "bytes/status")
	}
}

// BenchmarkUnpack is what each judgement of a node pays for not keeping the published status decoded.
func BenchmarkUnpack(b *testing.B) {
	_, s := status.Judge(factstest.Crowded(30), factstest.Policy(), nil, 20, 1, factstest.Now)
	kept, err := packed.Pack(&s)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := kept.Unpack(); err != nil {
			b.Fatal(err)
		}
	}
}
