package oom_test

import (
	"testing"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// TestNobodyKnowsTheProcesses is why the order marks no ties for containers of several processes. Of a container only the sum of
// its processes is known, and the kernel weighs each process alone. Where the largest process may hold any part of the sum, or
// half of it at least, so many containers of a full node may be first that a mark would say nothing.
func TestNobodyKnowsTheProcesses(t *testing.T) {
	for _, pods := range []int{20, 40, 110} {
		n := factstest.Crowded(pods)
		order, err := oom.Order(n, n.Capacity)
		if err != nil {
			t.Fatal(err)
		}
		anyPart, half := tied(order, func(int64) int64 { return 0 }), tied(order, func(memory int64) int64 { return memory / 2 })
		t.Logf("%d containers: %d may be first if a process may hold any part of the sum, %d if it holds half at least", len(order), anyPart, half)
		if 3*anyPart < len(order) || 6*half < len(order) {
			t.Error("so few that a mark would help: let the order have one")
		}
	}
}

// tied counts the containers that may be first if the largest process of each holds the least of its memory, in bytes, or more.
func tied(order []oom.Victim, least func(memory int64) int64) (count int) {
	most := order[0].Badness - order[0].Usage
	for i := range order {
		most = max(most, order[i].Badness-order[i].Usage+least(order[i].Usage))
	}
	for i := range order {
		if order[i].Badness >= most {
			count++
		}
	}
	return count
}
