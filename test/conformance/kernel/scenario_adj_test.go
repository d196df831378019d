package kernel

import (
	"testing"

	"github.com/killorder/killorder/internal/engine/oom"
)

// TestScoreAdj compares the engine's oom_score_adj with the kubelet's rules on many more pods than can be played.
// It needs neither root nor Linux.
func TestScoreAdj(t *testing.T) {
	for number := range uint64(2000) {
		s := draw(1, number)
		for i := range s.Pods {
			p := &s.Pods[i]
			f := p.factsPod(false)
			for c := range p.Containers {
				got, err := oom.ScoreAdj(f, c, s.Capacity)
				if want := int32(p.kubeletAdj(c, s.Capacity)); err != nil || got != want {
					t.Fatalf("%s/%s: the engine says %d (%v), the kubelet %d\n%v", p.Name, p.Containers[c].Name, got, err, want, s)
				}
			}
		}
	}
}
