package engine_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// The band of a pod's readings by the memory that is left on a node of 100Gi, whose line of risk is at 15%.
func TestCalm(t *testing.T) {
	type bands struct{ of100Mi, of10Gi int64 }
	for name, tc := range map[string]struct {
		left int64 // in Mi
		edit func(*facts.Node)
		want bands
	}{
		"beyond the line of risk": {left: 10 * 1024, want: bands{16, 512}},
		"at the line of risk":     {left: 15 * 1024, want: bands{16, 512}},
		"a hair before the line":  {left: 15*1024 + 400, want: bands{18, 512}},
		"halfway to calm":         {left: 20 * 1024, want: bands{48, 1536}},
		"as far as calm begins":   {left: 26 * 1024, want: bands{80, 2560}},
		"far from all killers":    {left: 90 * 1024, want: bands{80, 2560}},
		"under pressure all the same": {
			left: 90 * 1024, edit: func(n *facts.Node) { n.MemoryPressure = facts.StateTrue }, want: bands{16, 512},
		},
		"without a reading": {
			left: 90 * 1024, edit: func(n *facts.Node) { n.Usage.WorkingSet = facts.Unknown }, want: bands{16, 512},
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := Node(100 * GiB)
			n.Config = &facts.KubeletConfig{EvictionHard: facts.Threshold{Set: true, Bytes: 0}}
			n.Usage.WorkingSet = 100*GiB - tc.left*MiB
			if tc.edit != nil {
				tc.edit(n)
			}
			v := engine.Evaluate(n, Policy(), Now)
			got := bands{v.Calm.Band(100*MiB) / MiB, v.Calm.Band(10*GiB) / MiB}
			if d := cmp.Diff(tc.want, got, cmp.AllowUnexported(bands{})); d != "" {
				t.Errorf("bands in Mi (-want +got):\n%s", d)
			}
		})
	}
}

// A band is never less than noise, and where it is more, no pod can cover the distance to the line of risk within it, nor
// come near its own limit.
func TestCalmIsSmallerThanWhatIsLeft(t *testing.T) {
	const capacity = 64 * GiB
	line := capacity / 100 * 15
	for left := int64(0); left < capacity; left += 97 * MiB {
		n := Node(capacity)
		n.Usage.WorkingSet = capacity - left
		v := engine.Evaluate(n, Policy(), Now)
		for usage := MiB; usage < capacity; usage *= 3 {
			band := v.Calm.Band(usage)
			if band < facts.Band(usage) || (band > facts.Band(usage) && band > (left-line)/2) {
				t.Fatalf("%dMi left, a pod of %dMi: a band of %dMi", left/MiB, usage/MiB, band/MiB)
			}
			a := engine.AtLimit{PodState: new(Pod("a").State()), Usage: usage, Limit: usage * 5 / 4}
			if band = v.Calm.LimitBand(&a, 85); band > facts.Band(usage) && usage+band >= a.Limit/100*85 {
				t.Fatalf("%dMi of %dMi: a band of %dMi", usage/MiB, a.Limit/MiB, band/MiB)
			}
		}
	}
}

// A pod is followed closely until each of its containers has run for ten minutes, however calm the node is.
func TestCalmKnowsNoNewPod(t *testing.T) {
	ago := func(d time.Duration) facts.Container {
		return facts.Container{Name: "app", Running: true, Started: Now.Add(-d).UnixNano()}
	}
	n := Node(100*GiB, Pod("old").Container(ago(time.Hour), GiB), Pod("new").Container(ago(time.Minute), GiB),
		Pod("restarted").Container(ago(time.Hour), GiB).Container(ago(time.Minute), GiB))
	n.Usage.WorkingSet = 10 * GiB
	v := engine.Evaluate(n, Policy(), Now)
	pod := func(i int) *facts.PodState { return &n.Pods[i] }
	for name, tc := range map[string]struct {
		pods []*facts.PodState
		want int64 // in Mi
	}{
		"an old pod": {pods: []*facts.PodState{pod(0)}, want: 255}, "a new one": {pods: []*facts.PodState{pod(1)}, want: 51},
		"a restart": {pods: []*facts.PodState{pod(2)}, want: 51}, "both": {pods: []*facts.PodState{pod(0), pod(1)}, want: 51},
	} {
		if got := v.Calm.BandOf(tc.pods...)(GiB) / MiB; got != tc.want {
			t.Errorf("%s: a band of %dMi, want %dMi", name, got, tc.want)
		}
	}
}
