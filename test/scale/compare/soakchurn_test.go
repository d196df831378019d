package compare

import (
	"testing"

	"github.com/killorder/killorder/test/cluster/cluster"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// TestChurnWaitsForEvents: nothing comes or goes on a node whose order shows what no Event has told yet, nor on one that is leaving or
// away.
func TestChurnWaitsForEvents(t *testing.T) {
	nodes := []*scenario.Node{{Name: "node-1"}, {Name: "node-2"}, {Name: "node-3"}, {Name: "node-4"}}
	b := book{t, newLedger()}
	s := &soak{bench: newBench(Options{Seed: 1}), ledger: b.ledger}
	s.cluster = &cluster.Cluster{Options: cluster.Options{Scenario: &scenario.Model{Nodes: nodes}}}
	c := newChurn(s)
	c.leaving, c.away = nodes[1], nodes[2:3]
	drawn := func() map[string]bool {
		names := map[string]bool{}
		for range 100 {
			if n := c.node(); n != nil {
				names[n.Name] = true
			}
		}
		return names
	}
	if names := drawn(); len(names) > 0 {
		t.Errorf("%v before the watch has shown any order, want none", names)
	}
	b.shows(1, open("a", 1))
	if names := drawn(); len(names) != 1 || !names["node-4"] {
		t.Errorf("%v while node-1's order shows what was not told, want node-4 alone", names)
	}
	b.tells(2, open("a", 1))
	if names := drawn(); len(names) != 2 || !names["node-1"] || !names["node-4"] {
		t.Errorf("%v when all was told, want node-1 and node-4", names)
	}
	b.interrupted(after(3))
	if err := c.act(t.Context()); err == nil || len(drawn()) > 0 {
		t.Errorf("error %v, %v while the watch is interrupted, want an error and none", err, drawn())
	}
}
