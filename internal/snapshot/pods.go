package snapshot

import (
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/packed"
)

// pods of all nodes, packed: the facts of 150,000 pods would take 77 MB (BenchmarkPods).
type pods struct {
	pool   packed.Pods
	byNode map[string][]packed.Pod
}

// AddPod adds a pod to those of its node. AddPod takes p over: the caller must not use p afterwards. One goroutine at a time may add.
func (s *Snapshot) AddPod(p *facts.Pod) {
	if s.pods.byNode == nil {
		s.pods.byNode = map[string][]packed.Pod{}
	}
	node := p.Node
	s.pods.byNode[node] = append(s.pods.byNode[node], s.pods.pool.Pack(p))
}

// PodsOf returns the pods of a node that are not finished, in the order in which they were added. Each call makes new ones: a change
// of them changes nothing in the snapshot.
func (s *Snapshot) PodsOf(node string) []*facts.Pod { return packed.Unpack(node, s.pods.byNode[node]) }

// ForgetPods of a node, which are not needed any more.
func (s *Snapshot) ForgetPods(node string) { delete(s.pods.byNode, node) }

// ForgetAllPods before they are read again.
func (s *Snapshot) ForgetAllPods() { s.pods = pods{} }
