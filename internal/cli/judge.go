package cli

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/clusterread/target"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
	"github.com/killorder/killorder/internal/status"
)

// judged is one node's result: the order, cut at the top, and the verdict behind the order.
type judged struct {
	// node is the node that was judged. The verdict's may be a copy of it without readings.
	node    *facts.Node
	order   v1alpha1.NodeKillOrder
	verdict engine.Verdict
	// grewFrom says where growth is known from, "" if it is not.
	grewFrom string
}

// list is a v1 List of NodeKillOrders.
type list struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []v1alpha1.NodeKillOrder `json:"items"`
}

func listOf(orders []v1alpha1.NodeKillOrder) list {
	return list{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "List"}, Items: orders}
}

// judge evaluates the named nodes, or all if none is named, in the snapshot's order. The result is exact: nothing
// published before is kept. The notes say what could not be used.
func judge(s *snapshot.Snapshot, names []string, top int) (result []judged, notes []string, err error) {
	notes, err = judgeEach(s, names, top, nil, func(j *judged) { result = append(result, *j) })
	return result, notes, err
}

// judgeEach is judge with what earlier readings have seen grow, if there are any: it hands over one node after another.
func judgeEach(s *snapshot.Snapshot, names []string, top int, h history, take func(*judged)) (notes []string, err error) {
	nodes, err := selected(s, names)
	if err != nil {
		return nil, err
	}
	absurd := 0
	for _, n := range nodes {
		absurd += extract.Attach(n, s.PodsOf(n.Name), s.ReadingsOf(n.Name), s.Policy, s.NamespaceLabels)
		from := ""
		switch {
		case takeCulprit(n, s.Published[n.Name]):
			from = "as the operator has seen"
		case h.grow(n, s.Now):
			from = "since " + h.since()
		default:
			from = takeGrowth(n, s)
		}
		j := judgeNode(n, s, top)
		j.grewFrom = from
		takeForecast(&j, s.Published[n.Name])
		take(&j)
	}
	if absurd > 0 {
		notes = append(notes, fmt.Sprintf(
			"readings that cannot be true (negative, or more than the node has) taken as unknown: %d", absurd))
	}
	return notes, nil
}

// judgeNode takes the one road from a node's facts to a status, which is the operator's too.
func judgeNode(n *facts.Node, s *snapshot.Snapshot, top int) judged {
	v, st := status.Judge(n, &s.Policy.Policy, nil, top, 0, s.Now)
	return judged{
		node: n,
		order: v1alpha1.NodeKillOrder{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NodeKillOrder"},
			ObjectMeta: metav1.ObjectMeta{Name: n.Name},
			Status:     st,
		},
		verdict: v,
	}
}

// selected returns the nodes of those names, all if there are none, in the snapshot's order.
func selected(s *snapshot.Snapshot, names []string) ([]*facts.Node, error) {
	var nodes []*facts.Node
	found := map[string]bool{}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if len(names) == 0 || wanted[n.Name] {
			nodes = append(nodes, n)
			found[n.Name] = true
		}
	}
	for _, name := range names {
		if !found[name] {
			return nil, noSuchNode(s, name)
		}
	}
	return nodes, nil
}

// noSuchNode is the error for a node that the snapshot does not have, with the names that are near.
func noSuchNode(s *snapshot.Snapshot, name string) error {
	all := make([]string, len(s.Nodes))
	for i := range s.Nodes {
		all[i] = s.Nodes[i].Name
	}
	hint := ""
	if near := target.Near(name, all); len(near) > 0 {
		hint = ": did you mean " + strings.Join(near, ", ") + "?"
	}
	return fmt.Errorf("node %q not found among the %d nodes of the snapshot%s", name, len(all), hint)
}
