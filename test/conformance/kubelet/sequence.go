package kubelet

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// starving is an amount, in bytes, that no node has, however many of its pods are evicted.
const starving = 1 << 50

// play is the sequence of evictions that `simulate --killer kubelet` shows on a node that never has enough memory, as the
// judge's node has not: pods as namespace/name. ofPods: it is kubepods that never has enough.
func play(node *corev1.Node, candidates []*facts.Pod, r facts.Readings, ofPods bool) (evicted []string, err error) {
	n := extract.Node(node)
	policy := extract.DefaultPolicy()
	extract.Attach(&n, candidates, r, policy, func(string) labels.Labels { return nil })
	n.Config = &facts.KubeletConfig{EvictionHard: facts.Threshold{Set: true, Bytes: 100 * mi}, PodsEnforced: true}
	n.Usage.WorkingSet = 0
	s := &whatif.Scenario{Kubelet: true, Outside: starving}
	if ofPods {
		n.Usage.PodsWorkingSet, s.Outside = starving, 0
	}
	v := engine.Evaluate(&n, &policy.Policy, now)
	q := whatif.Simulate(&v, s)
	if q.End != whatif.Exhausted {
		return nil, fmt.Errorf("the simulation ends as %d, though there is never enough memory", q.End)
	}
	for i := range q.Steps {
		p := q.Steps[i].Victim
		evicted = append(evicted, p.Namespace+"/"+p.Name)
	}
	return evicted, nil
}
