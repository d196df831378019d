package status

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// Two tenants: one calls all of its pods critical and lets them come and go, the other has one critical pod. What the
// first does must not push the entries of the second out of the bounded lists.

func TestFlappingTenantKeepsTheOthersEntries(t *testing.T) {
	now := factstest.Now
	quiet := v1alpha1.AtRiskPod{
		UID: "quiet", Namespace: "quiet", Pod: "ledger", Killer: v1alpha1.KillerEviction, Rank: 3,
		Since: Stamp(now.Add(-time.Hour)), Until: new(Stamp(now.Add(-9 * time.Minute))),
	}
	entries := []v1alpha1.AtRiskPod{quiet}
	for i := range 300 {
		e := v1alpha1.AtRiskPod{
			UID: types.UID(fmt.Sprintf("noisy-%d", i)), Namespace: "noisy", Killer: v1alpha1.KillerOOM, Rank: int32(1 + i%20),
			Since: Stamp(now.Add(-time.Minute)),
		}
		if i%2 == 0 {
			e.Until = new(Stamp(now))
		}
		entries = append(entries, e)
	}
	got := bounded(entries)
	if len(got) != v1alpha1.MaxAtRisk || !slices.ContainsFunc(got, func(e v1alpha1.AtRiskPod) bool { return e.Namespace == "quiet" }) {
		t.Errorf("%d entries, the quiet tenant's is among them: want %d and true", len(got), v1alpha1.MaxAtRisk)
	}
	if !slices.IsSortedFunc(got, compareEntries) {
		t.Error("the entries that stay are not sorted")
	}
}

func TestNoisyTenantKeepsTheOthersWorkloads(t *testing.T) {
	n := &NodeSummary{Node: "a", AtRisk: map[string]RankOf{}}
	add := func(namespace, workload string, replicas int) {
		for i := range replicas {
			key := facts.WorkloadKey{Namespace: namespace, Workload: facts.Workload{Kind: "Deployment", Name: workload}}
			n.AtRisk[fmt.Sprintf("%s/%s/%d", namespace, workload, i)] = RankOf{Workload: key, Rank: 1}
		}
	}
	for i := range 50 {
		add("noisy", fmt.Sprintf("w%d", i), 9)
	}
	add("quiet", "ledger", 1)
	s := RollUp([]*NodeSummary{n}, func([]facts.WorkloadKey) map[facts.WorkloadKey]int32 { return nil })
	if len(s.WorkloadsAtRisk) != MaxWorkloadsAtRisk || s.WorkloadsAtRisk[MaxWorkloadsAtRisk-1].Namespace != "quiet" {
		t.Errorf("workloads at risk: %+v", s.WorkloadsAtRisk)
	}
}
