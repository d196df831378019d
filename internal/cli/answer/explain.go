package answer

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/status"
)

// neighbours is how many pods before and after are named.
const neighbours = 3

// Explain says where a pod of the node stands, and why. nodes are all judged nodes: those with replicas of the pod's
// workload decide about the change that would make it safe.
func Explain(n *Node, p *facts.PodState, nodes []*Node) kinds.Explanation {
	e := n.explain(p)
	if !n.Partial {
		e.Change, e.Why = cheapest(n, p, nodes)
	}
	return e
}

// explain is Explain without the change.
func (n *Node) explain(p *facts.PodState) kinds.Explanation {
	r := n.ranks(p.Pod)
	e := kinds.Explanation{
		TypeMeta: kinds.Type("Explanation"),
		Node:     n.Verdict.Node.Name, Namespace: p.Namespace, Pod: p.Name, UID: p.UID, Critical: p.Critical,
		Workload: status.WorkloadRef(p.Workload), Certainty: n.certainty(p),
		Eviction: n.evictionSum(p, r), OOM: n.oomSum(p, r), Limit: n.limitSum(p),
	}
	e.Answer, e.Order = n.sentence(p, r)
	if n.Partial {
		e.Why = "ranks after a change are unknown, since not all pods of the node are known"
		return e
	}
	e.Before, e.After = n.around(p, e.Order)
	e.Forecast = n.Forecast
	return e
}

// mostChanges is of how many replicas each has the change worked out that would make all of them safe. Where there are more, the
// first one has it, and the others say so: the change is the same workload's, and takes a look at all nodes.
const mostChanges = 20

// ExplainAll explains all replicas of a workload, the one nearest to its death first.
func ExplainAll(nodes []*Node, pods []*facts.Pod) kinds.ExplanationList {
	type replica struct {
		n *Node
		p *facts.PodState
		r whatif.Ranks
	}
	byNode := map[string][]*facts.Pod{}
	for _, p := range pods {
		byNode[p.Node] = append(byNode[p.Node], p)
	}
	var replicas []replica
	for _, n := range nodes {
		for _, p := range byNode[n.Verdict.Node.Name] {
			if s := n.PodOf(p); s != nil {
				replicas = append(replicas, replica{n, s, n.ranks(p)})
			}
		}
	}
	slices.SortStableFunc(replicas, func(a, b replica) int {
		return cmp.Or(cmp.Compare(worst(a.r), worst(b.r)), cmp.Compare(a.n.left(), b.n.left()), facts.CompareNames(a.p.Pod, b.p.Pod))
	})
	l := kinds.ExplanationList{TypeMeta: kinds.Type("ExplanationList"), Replicas: len(replicas)}
	for i, rep := range replicas {
		if rep.n.AtRisk(rep.r) {
			l.AtRisk++
		}
		if i == 0 || len(replicas) <= mostChanges {
			l.Items = append(l.Items, Explain(rep.n, rep.p, nodes))
			continue
		}
		e := rep.n.explain(rep.p)
		e.Why = cmp.Or(e.Why, "the change of the first replica is the whole workload's")
		l.Items = append(l.Items, e)
	}
	if len(l.Items) > 0 {
		l.Answer = fmt.Sprintf("%s (%d of %d replicas are at risk)", l.Items[0].Answer, l.AtRisk, l.Replicas)
	}
	return l
}

// worst is the least rank, a large number for a pod without any.
func worst(r whatif.Ranks) int {
	const noRank = 1 << 30
	least := noRank
	for _, rank := range []int{r.Eviction, r.OOM} {
		if rank > 0 {
			least = min(least, rank)
		}
	}
	return least
}

// left is the node's headroom to its nearer killer, in bytes.
func (n *Node) left() int64 {
	m := &n.Verdict.Memory
	if m.HeadroomKnown {
		return m.Headroom
	}
	return m.OOMHeadroom
}

// sentence is the answer in one sentence with one number, and the order that it is about.
func (n *Node) sentence(p *facts.PodState, r whatif.Ranks) (string, v1alpha1.Killer) {
	node, v := n.Verdict.Node.Name, n.Verdict
	if n.Partial {
		return fmt.Sprintf("%s on %s uses %s and requests %s; its ranks are unknown",
			p.Name, node, human(p.WorkingSet), human(p.Request)), ""
	}
	if l := n.nearLimit(p); l != nil && l.Headroom() <= n.leftIfFirst(r) {
		return fmt.Sprintf("%s is next to be killed at its own limit on %s: %s to go", named(p, l), node, left(l.Headroom())), n.order(r)
	}
	switch order := n.order(r); {
	case order == v1alpha1.KillerEviction && r.Eviction == 1:
		return fmt.Sprintf("%s is the next to be evicted on %s: %s", p.Name, node, toGo(v.Memory.Headroom, v.Memory.HeadroomKnown)), order
	case order == v1alpha1.KillerEviction:
		return fmt.Sprintf("%s is number %d of %d to be evicted on %s: %s to the first eviction", p.Name, r.Eviction, len(v.Eviction), node,
			headroom(v.Memory.Headroom, v.Memory.HeadroomKnown)), order
	case order == v1alpha1.KillerOOM && r.OOM == 1:
		return fmt.Sprintf("%s is the next that the kernel kills on %s: %s",
			p.Name, node, toGo(v.Memory.OOMHeadroom, v.Memory.OOMHeadroomKnown)), order
	case order == v1alpha1.KillerOOM:
		return fmt.Sprintf("%s is never evicted; for the kernel it is number %d of %d on %s: %s to the first kill",
			p.Name, r.OOM, len(v.OOM), node,
			headroom(v.Memory.OOMHeadroom, v.Memory.OOMHeadroomKnown)), order
	}
	return fmt.Sprintf("%s is in no order of %s: the kubelet never evicts it, and %s", p.Name, node, n.noOOM()), ""
}

func (n *Node) noOOM() string {
	if n.Verdict.NoOOM != "" {
		return "the kernel's order is unknown (" + n.Verdict.NoOOM + ")"
	}
	return "none of its containers runs"
}

// named is the pod, and the container that its limit is of where the pod has several.
func named(p *facts.PodState, l *engine.AtLimit) string {
	if l.Container == engine.PodLevel || p.CountLasting() < 2 {
		return p.Name
	}
	return p.Name + " (container " + l.ContainerName() + ")"
}

// order is the one that the pod is nearer to the front of; eviction where both are alike, since it comes first.
func (n *Node) order(r whatif.Ranks) v1alpha1.Killer {
	evicts := r.Eviction > 0 && n.Verdict.Memory.ThresholdSource != engine.NoThreshold
	switch {
	case evicts && (r.OOM == 0 || r.Eviction <= r.OOM || r.OOM > 1):
		return v1alpha1.KillerEviction
	case r.OOM > 0:
		return v1alpha1.KillerOOM
	}
	return ""
}

// leftIfFirst is the headroom of the nearer killer whose first victim the pod is, in bytes; a large number if there is
// none.
func (n *Node) leftIfFirst(r whatif.Ranks) int64 {
	m, least := &n.Verdict.Memory, facts.MaxBytes
	if r.Eviction == 1 && m.HeadroomKnown {
		least = min(least, m.Headroom)
	}
	if r.OOM == 1 && m.OOMHeadroomKnown {
		least = min(least, m.OOMHeadroom)
	}
	return least
}

// toGo says how much memory is left.
func toGo(bytes int64, known bool) string {
	switch {
	case !known:
		return "how much memory is left is unknown"
	case bytes <= 0:
		return left(-bytes) + " below the threshold, so it is due"
	}
	return left(bytes) + " to go"
}

// left is an amount of memory that is left, rounded as an order publishes the amount, so that one answer names one figure.
func left(bytes int64) string { return human(kinds.Amount(bytes).Value()) }

func headroom(bytes int64, known bool) string {
	if !known {
		return "an unknown amount"
	}
	return left(bytes)
}

// around are the pods before and after the pod in an order, the nearest ones.
func (n *Node) around(p *facts.PodState, order v1alpha1.Killer) (before, after []string) {
	var pods []*facts.Pod
	if order == v1alpha1.KillerEviction {
		for i := range n.Verdict.Eviction {
			pods = append(pods, n.Verdict.Eviction[i].Pod)
		}
	} else {
		for i := range n.Verdict.OOM {
			if q := n.Verdict.OOM[i].Pod; !slices.Contains(pods, q) {
				pods = append(pods, q)
			}
		}
	}
	at := slices.IndexFunc(pods, func(q *facts.Pod) bool { return facts.SamePod(q, p.Pod) })
	if at < 0 {
		return nil, nil
	}
	return names(pods[max(at-neighbours, 0):at]), names(pods[at+1 : min(at+1+neighbours, len(pods))])
}

func names(pods []*facts.Pod) []string {
	out := make([]string, len(pods))
	for i, p := range pods {
		out[i] = fullName(p)
	}
	return out
}
