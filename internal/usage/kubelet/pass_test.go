package kubelet

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFirstRequestsGoWherePodsChanged: of kubelets that were never asked, those of nodes whose pods have changed lately come first;
// from then on, who was asked the longest time ago does.
func TestFirstRequestsGoWherePodsChanged(t *testing.T) {
	r := newRig(t, 30*time.Second)
	r.ChangedLately = func(node string) bool { return node == "b" || node == "d" }
	nodes := []Node{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
	names := func() (all []string) {
		trusted, _ := r.due(nodes)
		for i := range trusted {
			all = append(all, trusted[i].Name)
		}
		r.release(trusted)
		return all
	}
	if diff := cmp.Diff([]string{"b", "d", "a", "c"}, names()); diff != "" {
		t.Errorf("first requests (-want +got):\n%s", diff)
	}
	for i, node := range []string{"d", "c", "b", "a"} {
		r.kubelets[node].health.succeed(start.Add(time.Duration(i) * time.Second))
	}
	if diff := cmp.Diff([]string{"d", "c", "b", "a"}, names()); diff != "" {
		t.Errorf("later requests (-want +got):\n%s", diff)
	}
}

// told is a sink that is told which nodes are complete, and notes whether their kubelets' configurations are known by then.
type told struct {
	sink
	source           *Source
	complete, config []string
}

func (s *told) Complete(node string) {
	s.complete = append(s.complete, node)
	if s.source.Config(node) != nil {
		s.config = append(s.config, node)
	}
}

// TestCompleteNodes: a node is complete once its kubelet's configuration is known, too. A kubelet that fails makes no node complete.
func TestCompleteNodes(t *testing.T) {
	good, unconfigured, bad := newFake(t, "good"), newFake(t, "unconfigured"), newFake(t, "bad")
	unconfigured.configz, bad.stats = status(500), status(500)
	r := newRig(t, 30*time.Second, good, unconfigured, bad)
	s := &told{source: r.Source}
	r.Read(t.Context(), s)
	slices.Sort(s.complete)
	if diff := cmp.Diff([]string{"good", "unconfigured"}, s.complete); diff != "" {
		t.Errorf("complete (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"good"}, s.config); diff != "" {
		t.Errorf("with a configuration (-want +got):\n%s", diff)
	}
}
