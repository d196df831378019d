package publish

import (
	"cmp"
	"slices"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// MaxWorkloadsAtRisk bounds status.workloadsAtRisk of the policy.
const MaxWorkloadsAtRisk = 10

// WorkloadKey names a workload, or a bare pod, in a namespace.
type WorkloadKey struct {
	Namespace string
	facts.Workload
}

// KeyOf a pod: its workload, or itself where it has none.
func KeyOf(p *facts.Pod) WorkloadKey {
	if p.Workload == (facts.Workload{}) {
		return WorkloadKey{p.Namespace, facts.Workload{Kind: "Pod", Name: p.Name}}
	}
	return WorkloadKey{p.Namespace, p.Workload}
}

// NodeSummary is what the roll-up needs of one node.
type NodeSummary struct {
	UnderPressure  bool
	CriticalAtRisk int32
	Findings       map[string]int32
	// AtRisk has the best rank of each critical pod near the front, by UID.
	AtRisk map[string]RankOf
}

// RankOf is a pod's workload and its best rank in any order.
type RankOf struct {
	Workload WorkloadKey
	Rank     int
}

// Summarize one node's verdict and the status that follows from it.
func Summarize(v *engine.Verdict, s *v1alpha1.NodeKillOrderStatus) *NodeSummary {
	n := &NodeSummary{
		UnderPressure:  v.Node.MemoryPressure == facts.StateTrue,
		CriticalAtRisk: s.Summary.CriticalAtRisk,
		AtRisk:         make(map[string]RankOf, len(v.Outlook.Risks)),
	}
	for _, r := range v.Outlook.Risks {
		if best, ok := n.AtRisk[r.UID]; !ok || r.Rank < best.Rank {
			n.AtRisk[r.UID] = RankOf{KeyOf(r.Pod), r.Rank}
		}
	}
	return n
}

// RollUp sums the nodes up. replicas counts a workload's pods in the cluster.
func RollUp(nodes []*NodeSummary, replicas func([]WorkloadKey) map[WorkloadKey]int32) v1alpha1.KillOrderPolicyStatus {
	s := v1alpha1.KillOrderPolicyStatus{Nodes: int32(len(nodes)), Findings: map[string]int32{}}
	at := map[WorkloadKey]*v1alpha1.WorkloadAtRisk{}
	for _, n := range nodes {
		if n.UnderPressure {
			s.NodesUnderPressure++
		}
		s.CriticalAtRisk += n.CriticalAtRisk
		for rule, count := range n.Findings {
			s.Findings[rule] += count
		}
		for _, r := range n.AtRisk {
			w := at[r.Workload]
			if w == nil {
				w = &v1alpha1.WorkloadAtRisk{
					Namespace: r.Workload.Namespace, Kind: r.Workload.Kind, Name: r.Workload.Name, BestRank: int32(r.Rank),
				}
				at[r.Workload] = w
			}
			w.ReplicasAtRisk++
			w.BestRank = min(w.BestRank, int32(r.Rank))
		}
	}
	s.WorkloadsAtRisk = worst(at, replicas)
	return s
}

// worst few: most replicas at risk first, then the best rank, then by name.
func worst(at map[WorkloadKey]*v1alpha1.WorkloadAtRisk, replicas func([]WorkloadKey) map[WorkloadKey]int32) []v1alpha1.WorkloadAtRisk {
	all := make([]v1alpha1.WorkloadAtRisk, 0, len(at))
	for _, w := range at {
		all = append(all, *w)
	}
	slices.SortFunc(all, func(a, b v1alpha1.WorkloadAtRisk) int {
		return cmp.Or(cmp.Compare(b.ReplicasAtRisk, a.ReplicasAtRisk), cmp.Compare(a.BestRank, b.BestRank),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	all = all[:min(len(all), MaxWorkloadsAtRisk)]
	keys := make([]WorkloadKey, len(all))
	for i, w := range all {
		keys[i] = WorkloadKey{w.Namespace, facts.Workload{Kind: w.Kind, Name: w.Name}}
	}
	counts := replicas(keys)
	for i := range all {
		all[i].Replicas = counts[keys[i]]
	}
	return all
}
