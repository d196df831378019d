package status

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/fair"
	"github.com/killorder/killorder/internal/facts"
)

// MaxWorkloadsAtRisk bounds status.workloadsAtRisk of the policy.
const MaxWorkloadsAtRisk = 10

// NodeSummary has what the roll-up and the gauges need of one node.
type NodeSummary struct {
	Node                  string
	Capacity              int64
	Headroom, OOMHeadroom *int64
	// TimeToThreshold is the estimated time until the kubelet evicts; 0 if there is no meaningful estimate.
	TimeToThreshold time.Duration
	ObservedAt      time.Time
	// Quiet is how long after its readings no killer can come near the node; 0 if that is not known.
	Quiet          time.Duration
	CriticalAtRisk int32
	// Conditions has, for each condition type, whether the condition is True.
	Conditions map[string]bool
	// Findings counts findings by rule.
	Findings map[string]RuleCount
	// Ranks has the critical pods within the first topN of an order.
	Ranks []RankedPod
	// AtRisk has the best rank of each critical pod near the front, by UID.
	AtRisk map[string]RankOf
}

// RuleCount counts a rule's findings.
type RuleCount struct {
	Severity v1alpha1.Severity
	Count    int32
}

// RankedPod is a pod's rank in a killer's order.
type RankedPod struct {
	Namespace, Pod string
	Killer         v1alpha1.Killer
	Rank           int32
}

// RankOf is a pod's workload and its best rank in any order.
type RankOf struct {
	Workload facts.WorkloadKey
	Rank     int
}

// Summarize one node's verdict and the status that follows from it.
func Summarize(v *engine.Verdict, s *v1alpha1.NodeKillOrderStatus) *NodeSummary {
	n := &NodeSummary{
		Node:            v.Node.Name,
		Capacity:        v.Node.Capacity,
		TimeToThreshold: v.Memory.TimeToThreshold,
		Quiet:           v.Quiet,
		CriticalAtRisk:  s.Summary.CriticalAtRisk,
		Conditions:      make(map[string]bool, len(s.Conditions)),
		Findings:        ruleCounts(v.Findings),
		Ranks:           rankedPods(s),
		AtRisk:          make(map[string]RankOf, len(v.Outlook.Risks)),
	}
	if m := &v.Memory; m.HeadroomKnown {
		n.Headroom = new(m.Headroom)
	}
	if m := &v.Memory; m.OOMHeadroomKnown {
		n.OOMHeadroom = new(m.OOMHeadroom)
	}
	if s.Usage.ObservedAt != nil {
		n.ObservedAt = v.Node.Usage.ObservedAt
	}
	for _, c := range s.Conditions {
		n.Conditions[c.Type] = c.Status == metav1.ConditionTrue
	}
	for _, r := range v.Outlook.Risks {
		if best, ok := n.AtRisk[r.UID]; !ok || r.Rank < best.Rank {
			n.AtRisk[r.UID] = RankOf{r.Pod.Key(), r.Rank}
		}
	}
	return n
}

// rankedPods returns the critical pods of the published orders. Of a pod's containers, the first to die counts.
func rankedPods(s *v1alpha1.NodeKillOrderStatus) (ranks []RankedPod) {
	for i := range s.EvictionOrder {
		if e := &s.EvictionOrder[i]; e.Critical {
			ranks = append(ranks, RankedPod{e.Namespace, e.Pod, v1alpha1.KillerEviction, e.Rank})
		}
	}
	seen := map[[2]string]bool{}
	for i := range s.OOMOrder {
		e := &s.OOMOrder[i]
		if e.Critical && !seen[[2]string{e.Namespace, e.Pod}] {
			seen[[2]string{e.Namespace, e.Pod}] = true
			ranks = append(ranks, RankedPod{e.Namespace, e.Pod, v1alpha1.KillerOOM, e.Rank})
		}
	}
	return ranks
}

// RollUp sums the nodes up into the policy's status. replicas counts a workload's pods in the cluster.
func RollUp(nodes []*NodeSummary, replicas func([]facts.WorkloadKey) map[facts.WorkloadKey]int32) v1alpha1.KillOrderPolicyStatus {
	s := v1alpha1.KillOrderPolicyStatus{Nodes: int32(len(nodes)), Findings: map[string]int32{}}
	at := map[facts.WorkloadKey]*v1alpha1.WorkloadAtRisk{}
	for _, n := range nodes {
		if n.Conditions[v1alpha1.ConditionMemoryPressure] {
			s.NodesUnderPressure++
		}
		s.CriticalAtRisk += n.CriticalAtRisk
		for rule, count := range n.Findings {
			s.Findings[rule] += count.Count
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

// worst returns the few worst workloads: most replicas at risk first, then the best rank, then by name. Where there are
// more, namespaces share the places.
func worst(
	at map[facts.WorkloadKey]*v1alpha1.WorkloadAtRisk, replicas func([]facts.WorkloadKey) map[facts.WorkloadKey]int32,
) []v1alpha1.WorkloadAtRisk {
	all := make([]v1alpha1.WorkloadAtRisk, 0, len(at))
	for _, w := range at {
		all = append(all, *w)
	}
	slices.SortFunc(all, compareWorkloads)
	if len(all) > MaxWorkloadsAtRisk {
		all = fair.First(all, MaxWorkloadsAtRisk, func(*v1alpha1.WorkloadAtRisk) int { return 0 },
			func(w *v1alpha1.WorkloadAtRisk) string { return w.Namespace })[:MaxWorkloadsAtRisk]
		slices.SortFunc(all, compareWorkloads)
	}
	keys := make([]facts.WorkloadKey, len(all))
	for i, w := range all {
		keys[i] = facts.WorkloadKey{Namespace: w.Namespace, Workload: facts.Workload{Kind: w.Kind, Name: w.Name}}
	}
	counts := replicas(keys)
	for i := range all {
		all[i].Replicas = counts[keys[i]]
	}
	return all
}

func compareWorkloads(a, b v1alpha1.WorkloadAtRisk) int {
	return cmp.Or(cmp.Compare(b.ReplicasAtRisk, a.ReplicasAtRisk), cmp.Compare(a.BestRank, b.BestRank),
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}
