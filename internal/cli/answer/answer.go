// Package answer makes the plugin's answers of verdicts: explanations, what a change does, kill sequences. It is pure: it
// prints nothing and reads nothing.
package answer

import (
	"fmt"
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/text"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/status"
)

// Node is one judged node.
type Node struct {
	Verdict *engine.Verdict
	Policy  *facts.Policy
	// Now is the moment that ages are counted to.
	Now time.Time
	// Partial: only some pods of the node are known, so ranks are not.
	Partial bool
	// Forecast is whom the operator expects to die first if memory goes on growing; nil if that is the next to die, or unknown.
	Forecast *v1alpha1.ForecastKill
}

// PodOf returns the state of a pod on the node, nil if it is not there.
func (n *Node) PodOf(p *facts.Pod) *facts.PodState {
	for i := range n.Verdict.Node.Pods {
		if s := &n.Verdict.Node.Pods[i]; facts.SamePod(s.Pod, p) {
			return s
		}
	}
	return nil
}

// ranks of a pod as the orders show them; none where only some pods are known.
func (n *Node) ranks(p *facts.Pod) whatif.Ranks {
	if n.Partial {
		return whatif.Ranks{}
	}
	return whatif.RanksIn(n.Verdict, p)
}

// AtRisk reports whether the ranks are among the first riskRank of an order.
func (n *Node) AtRisk(r whatif.Ranks) bool { return n.near(r.Eviction) || n.near(r.OOM) }

func (n *Node) near(rank int) bool { return rank > 0 && rank <= n.Policy.RiskRank }

// changed is the node as the edits leave it, judged anew.
func (n *Node) changed(edits ...whatif.Edit) *Node {
	return n.judged(whatif.Apply(n.Verdict.Node, edits...))
}

// judged is another state of the node, by the same policy and at the same moment.
func (n *Node) judged(state *facts.Node) *Node {
	v, _ := status.Judge(state, n.Policy, nil, 0, 0, n.Now)
	return &Node{Verdict: &v, Policy: n.Policy, Now: n.Now, Partial: n.Partial}
}

// pushed are the critical pods that come among the first riskRank of an order by a change, those of the changed pods aside.
func pushed(before, after *Node, changes func(*facts.PodState) bool) (pods []whatif.Move) {
	for _, m := range whatif.Moves(before.Verdict, after.Verdict) {
		if m.After.Critical && !changes(m.Before) && m.Nearer() && after.AtRisk(m.RanksAfter) {
			pods = append(pods, m)
		}
	}
	return pods
}

// fullName of a pod.
func fullName(p *facts.Pod) string { return p.Namespace + "/" + p.Name }

// human is an amount of bytes as people write it, "?" if unknown.
func human(bytes int64) string {
	if bytes == facts.Unknown {
		return "?"
	}
	return text.Human(bytes)
}

// ordinal is a rank in words as sentences have it.
func ordinal(rank int) string {
	switch rank {
	case 1:
		return "first"
	case 2:
		return "second"
	case 3:
		return "third"
	}
	return fmt.Sprintf("number %d", rank)
}
