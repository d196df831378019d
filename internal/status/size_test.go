package status

import (
	"testing"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/status/statustest"
)

// TestThreeKillsFit: an order of 110 pods with three kills stays within its bound, and still has findings.
func TestThreeKillsFit(t *testing.T) {
	n, p := factstest.Generated(110), factstest.Policy()
	h := &History{}
	for i := range 3 {
		if len(statustest.Kill(i).Pod) != 37 || len(n.Pods[i].Name) != 37 {
			t.Fatalf("names of %d and %d characters", len(statustest.Kill(i).Pod), len(n.Pods[i].Name))
		}
		_, s := Judge(n, p, h, 10, 1, factstest.Now)
		h.SetPublished(&s)
		h.SetKills([]v1alpha1.Kill{statustest.Kill(0), statustest.Kill(1), statustest.Kill(2)}[:i+1], nil)
	}
	_, s := Judge(n, p, h, 10, 1, factstest.Now)
	t.Logf("%d bytes: %d in each order, %d limits, %d of %d findings, %d kills of %d bytes", sizeOf(s), len(s.EvictionOrder), len(s.LimitOrder),
		len(s.Findings), s.Summary.Findings, len(s.Kills), sizeOf(s.Kills))
	if len(s.Kills) != 3 || len(s.EvictionOrder) != 10 || len(s.OOMOrder) != 10 {
		t.Errorf("%d kills, orders of %d and %d", len(s.Kills), len(s.EvictionOrder), len(s.OOMOrder))
	}
	if size := sizeOf(s); size > maxStatus {
		t.Errorf("%d bytes, at most %d", size, maxStatus)
	}
	if len(s.Findings) == 0 || s.Kills[0].Message == "" {
		t.Errorf("%d findings, the newest kill says %q; want the worst finding and the evidence", len(s.Findings), s.Kills[0].Message)
	}
	h.SetPublished(&s)
	if _, again := Judge(n, p, h, 10, 1, factstest.Now); !sameContent(&s, &again) {
		t.Error("the same facts are worth another write")
	}
}
