package status

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/api/v1alpha1"
)

// TestCutFindingsFairly: as findings go one by one, the namespace with the most of them gives, and an Info goes before all others.
func TestCutFindingsFairly(t *testing.T) {
	finding := func(namespace string, s v1alpha1.Severity) v1alpha1.Finding {
		return v1alpha1.Finding{Rule: "R", Severity: s, Namespace: namespace}
	}
	s := &v1alpha1.NodeKillOrderStatus{Findings: []v1alpha1.Finding{
		finding("flood", v1alpha1.SeverityCritical), finding("flood", v1alpha1.SeverityCritical), finding("flood", v1alpha1.SeverityCritical),
		finding("flood", v1alpha1.SeverityCritical), finding("shop", v1alpha1.SeverityWarning), finding("", v1alpha1.SeverityWarning),
		finding("shop", v1alpha1.SeverityInfo),
	}}
	var gone []string
	for len(s.Findings) > 1 {
		before := len(s.Findings)
		kept := map[string]int{}
		for _, f := range s.Findings {
			kept[f.Namespace+" "+string(f.Severity)]++
		}
		if size := cutFinding(s); size <= 0 || len(s.Findings) != before-1 {
			t.Fatalf("%d bytes, %d findings of %d", size, len(s.Findings), before)
		}
		for _, f := range s.Findings {
			kept[f.Namespace+" "+string(f.Severity)]--
		}
		for what, n := range kept {
			if n == 1 {
				gone = append(gone, what)
			}
		}
	}
	want := []string{"shop Info", "flood Critical", "flood Critical", "flood Critical", " Warning", "shop Warning"}
	if diff := cmp.Diff(want, gone); diff != "" {
		t.Errorf("gone in turn (-want +got):\n%s", diff)
	}
}
