package forecast

import (
	"testing"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// TestScopeThatIsFullFirst: of the node and kubepods, the one that is full first by its own slope kills, and its limit is the
// scale. Of 16Gi kubepods may use 14Gi; pods use 12Gi and grow by 100Mi a minute.
func TestScopeThatIsFullFirst(t *testing.T) {
	for name, tc := range map[string]struct {
		daemons, daemonsGrow int64 // in Mi, and in Mi a minute
		unenforced           bool
		wantLeft             int64
		wantIn               time.Duration
	}{
		"kubepods has less left, and is full first": {
			daemons: 500, wantLeft: 2048 * miB, wantIn: 2048 * time.Minute / 100,
		},
		"kubepods has less left, but daemons grow": {
			daemons: 500, daemonsGrow: 900, wantLeft: 3596 * miB, wantIn: 3596 * time.Minute / 1000,
		},
		"the node has less left, and is full first": {
			daemons: 2500, daemonsGrow: 100, wantLeft: 1596 * miB, wantIn: 1596 * time.Minute / 200,
		},
		"kubepods has no limit": {
			daemons: 500, unenforced: true, wantLeft: 3596 * miB, wantIn: 3596 * time.Minute / 100,
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := steadyNode(map[string][3]int64{"a": {0, 4096, 100}, "b": {0, 8192, 0}})
			n.Config = &facts.KubeletConfig{SystemReserved: 2 * giB, PodsEnforced: !tc.unenforced, EvictionHard: facts.Threshold{Set: true}}
			n.Usage.PodsWorkingSet = n.Usage.WorkingSet
			n.Usage.WorkingSet += tc.daemons * miB
			v := engine.Evaluate(n, factstest.Policy(), factstest.Now)
			m := &History{}
			now := seconds(factstest.Now)
			for ago := int64(9); ago > 0; ago-- {
				m.node.add(times{now - uint32(60*ago), now}, n.Usage.WorkingSet-(100+tc.daemonsGrow)*ago*miB)
			}
			Predict(&v, m, factstest.Now)
			if f := &v.Forecast; f.Killer != engine.OOM || f.Headroom != tc.wantLeft || f.In.Truncate(time.Second) != tc.wantIn.Truncate(time.Second) {
				t.Errorf("killer %d with %dMi left in %s; want OOM with %dMi in %s", f.Killer, f.Headroom/miB, f.In, tc.wantLeft/miB, tc.wantIn)
			}
		})
	}
}

// TestTooEarly: where no pod has readings over some minutes there is no forecast, and nothing is refuted. A node with one old pod
// whose pods do not grow has none either, and that refutes.
func TestTooEarly(t *testing.T) {
	for name, tc := range map[string]struct {
		kept int // readings of each pod's history
		grow int64
		want bool
	}{
		"one reading":                      {kept: 1, grow: 90, want: true},
		"three readings over two minutes":  {kept: 3, grow: 90, want: true},
		"four readings over three minutes": {kept: 4, grow: 0},
		"ten readings":                     {kept: 10, grow: 0},
		"no history":                       {want: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := steadyNode(map[string][3]int64{"a": {0, 3000, 0}, "b": {0, 2184, tc.grow}})
			for i := range n.Pods {
				n.Pods[i].History = n.Pods[i].History[10-tc.kept:]
			}
			if f, _ := forecastOf(n); f.Killer != engine.None || f.TooEarly != tc.want {
				t.Errorf("killer %d, too early %t; want none, %t", f.Killer, f.TooEarly, tc.want)
			}
		})
	}
}
