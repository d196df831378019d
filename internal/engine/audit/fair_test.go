package audit

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// tenant has pods of so many workloads in a namespace: critical BestEffort ones, each a Critical finding, or ordinary ones that
// use more than they request, each a Warning.
func tenant(namespace string, workloads int, critical bool) (pods []*factstest.PodBuilder) {
	for i := range workloads {
		name := fmt.Sprintf("%s-%02d", namespace, i)
		p := factstest.Pod(name).Namespace(namespace).Edit(func(p *facts.Pod) { p.Workload = facts.Workload{Kind: "Deployment", Name: name} })
		if critical {
			p = p.Running(0, 200*miB).Critical()
		} else {
			p = p.Running(64*miB, 300*miB)
		}
		pods = append(pods, p)
	}
	return pods
}

// told counts the findings with a text by namespace, "" for the node's.
func told(found []engine.Finding) map[string]int {
	counts := map[string]int{}
	for i := range found {
		switch f := &found[i]; {
		case f.Message == "":
		case f.Pod == nil:
			counts[""]++
		default:
			counts[f.Pod.Namespace]++
		}
	}
	return counts
}

// TestNoTenantPushesOutAnother: whoever writes many critical pods takes half of the places at most, while others have findings.
func TestNoTenantPushesOutAnother(t *testing.T) {
	for name, tc := range map[string]struct {
		pods []*factstest.PodBuilder
		want map[string]int
	}{
		"one tenant":                    {pods: tenant("aaa", 30, true), want: map[string]int{"aaa": 8}},
		"a flood and two of another":    {pods: slices.Concat(tenant("aaa", 30, true), tenant("shop", 2, true)), want: map[string]int{"aaa": 6, "shop": 2}},
		"a flood and as much again":     {pods: slices.Concat(tenant("aaa", 30, true), tenant("shop", 9, true)), want: map[string]int{"aaa": 4, "shop": 4}},
		"a flood and a single Warning":  {pods: slices.Concat(tenant("aaa", 30, true), tenant("shop", 1, false)), want: map[string]int{"aaa": 7, "shop": 1}},
		"two floods and a third tenant": {pods: slices.Concat(tenant("aaa", 30, true), tenant("bbb", 30, true), tenant("shop", 1, false)), want: map[string]int{"aaa": 4, "bbb": 3, "shop": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			found := find(node(tc.pods...), factstest.Policy(), &History{})
			if diff := cmp.Diff(tc.want, told(found)); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}
