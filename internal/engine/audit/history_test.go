package audit

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// replicas of a Deployment; usage in bytes of each.
func replicas(usage ...int64) (pods []*factstest.PodBuilder) {
	for i, u := range usage {
		pods = append(pods, factstest.Pod(fmt.Sprintf("web-%d", i)).Running(0, u).
			Edit(func(p *facts.Pod) { p.Workload = facts.Workload{Kind: "Deployment", Name: "web"} }))
	}
	return pods
}

func same(count int, usage int64) []int64 {
	all := make([]int64, count)
	for i := range all {
		all[i] = usage
	}
	return all
}

func TestTenReplicasAreOneFinding(t *testing.T) {
	findings := find(node(replicas(same(10, 200*miB)...)...), factstest.Policy(), &History{})
	if len(findings) != 1 || findings[0].Count != 10 || !strings.HasPrefix(findings[0].Message, "10 pods here. BestEffort") {
		t.Errorf("%+v", findings)
	}
}

// Of replicas, the one that is killed first stands for all, and does so as long as it is there.
func TestTheWorstReplicaStandsForAllAndStays(t *testing.T) {
	memory := &History{}
	for i, tc := range []struct {
		usage []int64
		want  string
	}{
		{[]int64{200 * miB, 500 * miB, 300 * miB}, "web-1"},
		{[]int64{200 * miB, 500 * miB, 900 * miB}, "web-1"},
		{[]int64{200 * miB}, "web-0"},
	} {
		findings := find(node(replicas(tc.usage...)...), factstest.Policy(), memory)
		if got := findings[0].Pod.Name; got != tc.want {
			t.Errorf("audit %d: %s stands for all, want %s", i, got, tc.want)
		}
	}
}

// What a text says of the configuration is true at once, however still the readings are.
func TestTextsFollowWhatIsConfigured(t *testing.T) {
	calm := guaranteedPod("calm", giB, 100*miB)
	large := func(n *facts.Node) *facts.Node {
		n.Capacity, n.Config = 64*giB, &facts.KubeletConfig{EvictionHard: facts.Threshold{Set: true, Bytes: 200 * miB}}
		return n
	}
	strict := factstest.Policy()
	strict.MinPriority = 500000
	for name, tc := range map[string]struct {
		before, after *facts.Node
		policy        *facts.Policy
	}{
		"a request": {before: node(calm, limited("a", 200*miB, 2*giB, 1100*miB)), after: node(calm, limited("a", 600*miB, 2*giB, 1100*miB))},
		"a limit":   {before: node(calm, limited("a", giB, 1100*miB, giB)), after: node(calm, limited("a", giB, 1150*miB, giB))},
		"limits":    {before: node(calm, limited("a", giB, 30*giB, 100*miB)), after: node(calm, limited("a", giB, 60*giB, 100*miB))},
		"replicas":  {before: node(replicas(same(10, 200*miB)...)...), after: node(replicas(same(3, 200*miB)...)...)},
		"a priority": {
			before: node(calm, limited("a", giB, 2*giB, 100*miB).Priority(100000)),
			after:  node(calm, limited("a", giB, 2*giB, 100*miB).Priority(200000)),
		},
		"the policy": {before: node(guaranteedPod("c", giB, 100*miB).Critical()), after: node(guaranteedPod("c", giB, 100*miB).Critical()), policy: strict},
		"requests":   {before: node(guaranteedPod("a", 14*giB+512*miB, 100*miB)), after: node(guaranteedPod("a", 14*giB+768*miB, 100*miB))},
		"what is read and no more inferred": {
			before: func() *facts.Node {
				n := node(calm)
				n.Capacity, n.Allocatable = 64*giB, 64*giB-100*miB
				return n
			}(), after: large(node(calm)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			policy := factstest.Policy()
			memory := &History{}
			before := texts(find(tc.before, policy, memory))
			if tc.policy != nil {
				policy = tc.policy
			}
			after := texts(find(tc.after, policy, memory))
			anew := texts(find(tc.after, policy, &History{}))
			if cmp.Equal(before, anew) {
				t.Fatalf("the change changes nothing: %q", before)
			}
			if d := cmp.Diff(anew, after); d != "" {
				t.Errorf("findings (-without a memory +with one):\n%s", d)
			}
		})
	}
}

func TestNoiseChangesNoFinding(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	noise := func(level int64) int64 { return level + r.Int64N(facts.Band(level)*4/5) - facts.Band(level)*2/5 }
	noisy := func() *facts.Node {
		pods := []*factstest.PodBuilder{
			factstest.Pod("payments").Running(0, noise(200*miB)).Critical(),
			limited("pipeline", 8*giB, 12*giB, noise(8*giB)).Growth(6 * giB),
			// Each is where its rule begins.
			limited("edge", 300*miB, giB, noise(300*miB+8*miB)),
			limited("full", giB, giB, noise(875*miB)),
			limited("small", 10*miB, giB, noise(negligibleMin+8*miB)),
			factstest.Pod("mesh").QOS(facts.Burstable).
				Container(container("proxy", facts.Sidecar, giB, 2*giB), noise(500*miB)).
				Container(container("app", facts.Regular, giB, 2*giB), noise(500*miB)).WorkingSet(1000 * miB).
				Edit(func(p *facts.Pod) { p.Request = 2 * giB }),
		}
		for i := range 6 {
			pods = append(pods, limited(fmt.Sprintf("web-%d", i), 300*miB, giB, noise(300*miB+16*miB)).
				Edit(func(p *facts.Pod) { p.Workload = facts.Workload{Kind: "Deployment", Name: "web"} }))
		}
		return node(pods...)
	}
	policy := factstest.Policy()
	memory := &History{}
	// A replica that was once over its line counts from then on.
	for range 50 {
		find(noisy(), policy, memory)
	}
	first := texts(find(noisy(), policy, memory))
	for i := range 1000 {
		if d := cmp.Diff(first, texts(find(noisy(), policy, memory))); d != "" {
			t.Fatalf("tick %d:\n%s", i, d)
		}
	}
	t.Log(len(first), "findings, the same 1000 times")
}

func texts(findings []engine.Finding) (list []string) {
	for _, f := range findings {
		list = append(list, fmt.Sprintf("%s %s %s x%d: %s %s", f.Rule, nameOf(f), f.Container, f.Count, f.Message, f.Fix))
	}
	return list
}

// A finding comes beyond the line and noise, and goes below the line less noise; not between.
func TestHysteresis(t *testing.T) {
	band := facts.Band(giB)
	memory := &History{}
	for i, tc := range []struct {
		usage int64
		want  bool
	}{
		{giB + band, false},
		{giB + band + 1, true},
		{giB, true},
		{giB - band + 1, true},
		{giB - band, false},
		{giB + band, false},
	} {
		n := node(guaranteedPod("calm", giB, 100*miB), limited("a", giB, 4*giB, tc.usage))
		n.MemoryPressure = facts.StateTrue // a calm node keeps a finding for longer
		findings := find(n, factstest.Policy(), memory)
		if got := len(findings) > 0; got != tc.want {
			t.Errorf("audit %d, %dMi over: found is %t", i, (tc.usage-giB)/miB, got)
		}
	}
}

// What is gone is forgotten.
func TestMemoryDoesNotGrow(t *testing.T) {
	memory := &History{}
	for i := range 100 {
		find(node(limited(fmt.Sprintf("pod-%d", i), 100*miB, giB, 400*miB)), factstest.Policy(), memory)
	}
	if len(memory.said) > 2 || len(memory.over) > 2 {
		t.Errorf("%d texts, %d lines remembered", len(memory.said), len(memory.over))
	}
}

// In a node that is far from its killers, the reading in a text may rise for as long as the advice in the text covers the reading.
func TestTextsFollowReadingsThatRise(t *testing.T) {
	bestEffort := func(usage int64) *factstest.PodBuilder { return factstest.Pod("a").Running(0, usage) }
	critical := func(usage int64) *factstest.PodBuilder { return limited("a", 512*miB, 0, usage).Critical() }
	over := func(usage int64) *factstest.PodBuilder { return limited("a", 512*miB, 0, usage) }
	overLimited := func(usage int64) *factstest.PodBuilder { return limited("a", 512*miB, 4*giB, usage) }
	nearLimit := func(usage int64) *factstest.PodBuilder { return limited("a", 2*giB, 2*giB, usage) }
	for name, tc := range map[string]struct {
		pod           func(usage int64) *factstest.PodBuilder
		before, after int64
		pressure      bool
		others        int64 // what others request
		wantSame      bool
	}{
		"a request is advised, 9% more":                       {pod: bestEffort, before: giB, after: giB + giB*9/100, wantSame: true},
		"a request is advised, 11% more":                      {pod: bestEffort, before: giB, after: giB + giB*11/100},
		"a request is advised, 9% more, in a node in trouble": {pod: bestEffort, before: giB, after: giB + giB*9/100, pressure: true},
		"a small pod, within the least band":                  {pod: bestEffort, before: 40 * miB, after: 55 * miB, wantSame: true},
		"twice the usage is advised as limit, 9% more":        {pod: critical, before: 700 * miB, after: 763 * miB, wantSame: true},
		"twice the usage is advised as limit, 11% more":       {pod: critical, before: 700 * miB, after: 778 * miB},
		"near its own limit, 4% more":                         {pod: nearLimit, before: 1880 * miB, after: 1955 * miB, wantSame: true},
		"near its own limit, 6% more":                         {pod: nearLimit, before: 1880 * miB, after: 1995 * miB},
		"over its request, 9% more":                           {pod: over, before: giB, after: giB + giB*9/100, wantSame: true},
		"over its request, with a limit, 9% more":             {pod: overLimited, before: giB, after: giB + giB*9/100},
		"the node has little room for a request, 9% more":     {pod: bestEffort, before: giB, after: giB + giB*9/100, others: 14*giB + 900*miB},
	} {
		t.Run(name, func(t *testing.T) {
			memory := &History{}
			audit := func(usage int64) []string {
				n := node(guaranteedPod("calm", max(tc.others, giB), 100*miB), tc.pod(usage))
				if tc.pressure {
					n.MemoryPressure = facts.StateTrue
				}
				return texts(find(n, factstest.Policy(), memory))
			}
			before := audit(tc.before)
			if after := audit(tc.after); cmp.Equal(before, after) != tc.wantSame {
				t.Errorf("texts are the same: %t, want %t:\n%s", !tc.wantSame, tc.wantSame, cmp.Diff(before, after))
			}
		})
	}
}
