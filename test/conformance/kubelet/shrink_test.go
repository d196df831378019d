package kubelet

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestShrink(t *testing.T) {
	d := newDice(1, 1)
	n := &Node{Name: "node", Capacity: 16 * gi}
	for i := range 40 {
		p := Pod{Phase: corev1.PodRunning, Containers: map[string]State{}, WorkingSet: 1}
		p.Manifest, _ = d.manifest(n, i)
		d.started(&p)
		n.Pods = append(n.Pods, p)
	}
	before := len(n.Pods)
	overhead := func(n *Node) bool {
		return slices.ContainsFunc(n.Pods, func(p Pod) bool { return p.Manifest.Spec.Overhead != nil && len(p.Manifest.Spec.Containers) > 0 })
	}
	if !overhead(n) {
		t.Fatal("none of the pods has overhead")
	}
	small := Shrink(n, overhead)
	if len(n.Pods) != before {
		t.Errorf("the node given has %d pods after, %d before", len(n.Pods), before)
	}
	if len(small.Pods) != 1 {
		t.Fatalf("%d pods are left, want 1", len(small.Pods))
	}
	p := &small.Pods[0]
	s := &p.Manifest.Spec
	if s.Overhead == nil || len(s.Containers) != 1 || len(s.InitContainers) != 0 || s.Priority != nil || s.Resources != nil || p.WorkingSet != 0 {
		t.Errorf("what is left could be smaller: %+v", p)
	}
	for _, r := range allRequirements(s) {
		if len(r.Requests)+len(r.Limits) > 0 {
			t.Errorf("a container still has %v", r)
		}
	}
}
