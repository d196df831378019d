package kubelet

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// Kind of a Difference.
type Kind string

// What can differ. Ties: killorder says that the kubelet has no preference, or does not say so where it has none.
const (
	EvictionOrder Kind = "eviction order"
	Ties          Kind = "ties"
	Adj           Kind = "oom_score_adj"
	// Sequence: simulate plays another sequence of evictions than the kubelet's.
	Sequence Kind = "simulated sequence"
)

// Difference between killorder and the kubelet.
type Difference struct {
	Kind Kind
	Text string
}

// Result of one node.
type Result struct {
	Differences []Difference
	// Pods that are not finished, and running Containers, of which Equal have the same oom_score_adj.
	Pods, Containers, Equal int
	// Evicted by the kubelet, first to last, as namespace/name.
	Evicted []string
	// Adjs by the kubelet.
	Adjs map[Container]int
	// Objects that killorder was given.
	Node *corev1.Node
	Pod  []*corev1.Pod
}

// Container names a container.
type Container struct{ Pod, Name string }

// Has reports whether there is a difference of that kind.
func (r *Result) Has(k Kind) bool {
	return slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Kind == k })
}

func (r *Result) differ(k Kind, format string, args ...any) {
	r.Differences = append(r.Differences, Difference{k, fmt.Sprintf(format, args...)})
}

// Compare puts a node before the kubelet and before killorder. It is an error if the API server refuses one of the
// pods, or does not say enough of it.
func Compare(n *Node, j *Judge) (*Result, error) {
	admitted, err := j.Admit(manifests(n.Pods))
	if err != nil {
		return nil, err
	}
	r := &Result{Node: nodeObject(n, j.Kubernetes), Adjs: map[Container]int{}}
	var before []*corev1.Pod
	for i := range admitted {
		if admitted[i].Rejected != "" {
			return nil, fmt.Errorf("pod %s is refused: %s", n.Pods[i].Manifest.Name, admitted[i].Rejected)
		}
		if unknowable(&n.Pods[i], &admitted[i]) {
			return nil, fmt.Errorf("pod %s is not told by its object", n.Pods[i].Manifest.Name)
		}
		r.Pod = append(r.Pod, apiObject(&n.Pods[i], &admitted[i]))
		before = append(before, beforeResize(&n.Pods[i], &admitted[i]))
		if !n.Pods[i].Finished() {
			r.Pods++
		}
	}
	usage, err := newReadings(n)
	if err != nil {
		return nil, err
	}
	pods := candidates(r.Pod)
	if n.Watched {
		if pods, err = watched(before, r.Pod); err != nil {
			return nil, err
		}
	}
	status := predict(r.Node, pods, usage)
	tied, err := r.judge(question(n, admitted, r.Pod), &status, j)
	if err != nil {
		return nil, err
	}
	played, err := play(r.Node, pods, usage, n.AllocatableSignal)
	if err != nil {
		return nil, err
	}
	r.compareOrder(Sequence, played, tied)
	return r, nil
}

// judge asks the kubelet about the same pods and notes where the status says otherwise. It returns which places of the order
// the kubelet has no preference about, against the next place.
func (r *Result) judge(q *wire.Node[corev1.Pod], status *v1alpha1.NodeKillOrderStatus, j *Judge) (tied []bool, err error) {
	uids, names := map[string]string{}, map[string]string{}
	for i := range q.Pods {
		p := &q.Pods[i].Pod
		uids[p.Namespace+"/"+p.Name], names[string(p.UID)] = string(p.UID), p.Namespace+"/"+p.Name
	}
	predicted := make([]string, len(status.EvictionOrder))
	for i := range status.EvictionOrder {
		v := &status.EvictionOrder[i]
		predicted[i] = v.Namespace + "/" + v.Pod
		if i > 0 {
			q.Pairs = append(q.Pairs, [2]string{uids[predicted[i-1]], uids[predicted[i]]})
		}
	}
	verdict, err := j.Judge(q)
	if err != nil {
		return nil, err
	}
	for _, uid := range verdict.Evicted {
		r.Evicted = append(r.Evicted, names[uid])
	}
	tied = r.pairs(status.EvictionOrder, predicted, names, verdict.Preferred)
	r.compareOrder(EvictionOrder, predicted, tied)
	for uid, adjs := range verdict.Adjs {
		for name, adj := range adjs {
			r.Adjs[Container{names[uid], name}] = adj
		}
	}
	r.compareAdjs(status.OOMOrder)
	return tied, nil
}

// pairs looks at each pair of neighbours in the predicted order, compares the kubelet's preference with ours, and
// returns which pods have none to their next neighbour.
func (r *Result) pairs(order []v1alpha1.EvictionVictim, predicted []string, names map[string]string, preferred []string) (tied []bool) {
	tied = make([]bool, len(order))
	for i, first := range preferred {
		a, b := predicted[i], predicted[i+1]
		tied[i] = first == ""
		switch {
		case tied[i] && !(order[i].Tied && order[i+1].Tied):
			r.differ(Ties, "the kubelet has no preference between %s and %s, which are not marked as tied", a, b)
		case names[first] == b:
			r.differ(EvictionOrder, "of two, the kubelet evicts %s before %s", b, a)
		}
	}
	for i := range order {
		if order[i].Tied && !tied[i] && (i == 0 || !tied[i-1]) {
			r.differ(Ties, "%s is marked as tied, but the kubelet tells it from both its neighbours", predicted[i])
		}
	}
	return tied
}

// compareOrder compares a whole order of killorder's with the kubelet's; among pods that are tied, any order is as good.
func (r *Result) compareOrder(kind Kind, ours []string, tied []bool) {
	if len(ours) != len(r.Evicted) || len(ours) > len(tied) {
		r.differ(kind, "the kubelet evicts %d pods, killorder lists %d", len(r.Evicted), len(ours))
		return
	}
	for from := 0; from < len(ours); {
		to := from + 1
		for tied[to-1] {
			to++
		}
		a, b := slices.Sorted(slices.Values(ours[from:to])), slices.Sorted(slices.Values(r.Evicted[from:to]))
		if !slices.Equal(a, b) {
			r.differ(kind, "at rank %d the kubelet evicts %v, killorder lists %v", from+1, b, a)
			return
		}
		from = to
	}
}

func (r *Result) compareAdjs(order []v1alpha1.OOMVictim) {
	r.Containers = len(r.Adjs)
	seen := 0
	for i := range order {
		v := &order[i]
		c := Container{v.Namespace + "/" + v.Pod, v.Container}
		adj, runs := r.Adjs[c]
		switch {
		case !runs:
			r.differ(Adj, "%s of %s does not run", c.Name, c.Pod)
			continue
		case int(v.OOMScoreAdj) != adj:
			r.differ(Adj, "%s of %s has %d, killorder says %d", c.Name, c.Pod, adj, v.OOMScoreAdj)
		default:
			r.Equal++
		}
		seen++
	}
	if seen != r.Containers {
		r.differ(Adj, "%d containers run, killorder lists %d of them", r.Containers, seen)
	}
}
