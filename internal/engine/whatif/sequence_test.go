package whatif_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
)

// story is a node of 16 GiB with 500Mi left, 400Mi above its threshold.
func story() *facts.Node {
	n := factstest.Node(16*giB,
		factstest.Pod("payments").Running(0, 200*miB).Critical(),
		factstest.Pod("pipeline").Running(12*giB, 8*giB),
		factstest.Pod("agent").Running(0, 100*miB),
		factstest.Pod("proxy").Running(0, 50*miB).Exempt(),
	)
	n.Allocatable -= 100 * miB
	n.Usage.WorkingSet = n.Capacity - 500*miB
	return n
}

// steps are a sequence as "at killer pod frees, then available in Mi".
func steps(q whatif.Sequence) (list []string) {
	killers := map[engine.Killer]string{engine.Eviction: "kubelet", engine.OOM: "kernel", engine.Limit: "limit"}
	for i := range q.Steps {
		s := &q.Steps[i]
		list = append(list, fmt.Sprintf("%s %s %s %d, then %d", s.At, killers[s.Killer], s.Victim.Name, s.Frees/miB, s.Available/miB))
	}
	return list
}

func TestSimulate(t *testing.T) {
	configured := func(c facts.KubeletConfig) func(*facts.Node) {
		return func(n *facts.Node) { n.Config = &c }
	}
	hard := facts.Threshold{Set: true, Bytes: 100 * miB}
	for name, tc := range map[string]struct {
		change       func(*facts.Node)
		scenario     whatif.Scenario
		want         []string
		wantEnd      whatif.End
		wantCritical int
	}{
		"nothing happens": {scenario: whatif.Scenario{Kubelet: true, Kernel: true}},
		"the kubelet, until the threshold is there again": {
			scenario:     whatif.Scenario{Kubelet: true, Outside: 450 * miB},
			want:         []string{"0s kubelet payments 200, then 250"},
			wantCritical: 1,
		},
		"the kubelet, until the minimum reclaim is there too": {
			change:       configured(facts.KubeletConfig{EvictionHard: hard, MinReclaim: facts.Threshold{Set: true, Bytes: 200 * miB}}),
			scenario:     whatif.Scenario{Kubelet: true, Outside: 450 * miB},
			want:         []string{"0s kubelet payments 200, then 250", "2s kubelet agent 100, then 350"},
			wantCritical: 1,
		},
		"the kubelet alone, and nobody is left": {
			scenario: whatif.Scenario{Kubelet: true, Outside: 16 * giB},
			want: []string{
				"0s kubelet payments 200, then -15684", "2s kubelet agent 100, then -15584", "4s kubelet pipeline 8192, then -7392",
			},
			wantEnd: whatif.Exhausted, wantCritical: 1,
		},
		"the kernel alone, by badness and exempt pods too, until the rest fits": {
			scenario: whatif.Scenario{Kernel: true, Outside: 800 * miB},
			want: []string{
				"0s kernel payments 200, then -100", "0s kernel agent 100, then 0",
			},
			wantCritical: 1,
		},
		"the kernel leaves too little for the kubelet, who goes on": {
			scenario: whatif.Scenario{Kubelet: true, Kernel: true, Outside: 700 * miB},
			want: []string{
				"0s kernel payments 200, then 0", "0s kubelet agent 100, then 100",
			},
			wantCritical: 1,
		},
		"growth within ten seconds of the kernel: the kubelet looks too late": {
			scenario:     whatif.Scenario{Kubelet: true, Kernel: true, Outside: 600 * miB, Over: 9 * time.Second},
			want:         []string{"8s kernel payments 200, then 166"},
			wantCritical: 1,
		},
		"slow growth: the kubelet is first, and the kernel never comes": {
			scenario:     whatif.Scenario{Kubelet: true, Kernel: true, Outside: 450 * miB, Over: 10 * time.Minute},
			want:         []string{"9m0s kubelet payments 200, then 295"},
			wantCritical: 1,
		},
		"a pod grows, and dies of its own limit": {
			change: func(n *facts.Node) { n.Pods[1].Containers[0].Limit = 8*giB + 200*miB },
			scenario: whatif.Scenario{
				Kubelet: true, Kernel: true, Growths: []whatif.Growth{{Pod: &facts.Pod{Namespace: "shop", Name: "pipeline", UID: "pipeline"}, Bytes: giB}},
			},
			want: []string{"0s limit pipeline 9216, then 8692"},
		},
		"a soft threshold waits for its grace period": {
			change: configured(facts.KubeletConfig{
				EvictionSoft: facts.Threshold{Set: true, Bytes: 600 * miB}, SoftGrace: 90 * time.Second, MaxPodGrace: 20 * time.Second,
			}),
			scenario:     whatif.Scenario{Kubelet: true},
			want:         []string{"1m30s kubelet payments 200, then 700"},
			wantCritical: 1,
		},
		"no threshold: nobody is evicted": {
			change:   func(n *facts.Node) { n.Allocatable = n.Capacity },
			scenario: whatif.Scenario{Kubelet: true, Outside: 16 * giB},
		},
		"kubepods runs out before the node": {
			change: func(n *facts.Node) {
				n.Config = &facts.KubeletConfig{PodsEnforced: true, SystemReserved: 7 * giB}
				n.Usage.PodsWorkingSet, n.Usage.WorkingSet = 8*giB+350*miB, 9*giB
			},
			scenario: whatif.Scenario{
				Kernel:  true,
				Growths: []whatif.Growth{{Pod: &facts.Pod{Namespace: "shop", Name: "agent", UID: "agent"}, Bytes: 800 * miB}},
			},
			want: []string{"0s kernel pipeline 8192, then 14560"},
		},
		"no reading of the node": {
			change:   func(n *facts.Node) { n.Usage.WorkingSet = facts.Unknown },
			scenario: whatif.Scenario{Kubelet: true}, wantEnd: whatif.NotKnown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := story()
			if tc.change != nil {
				tc.change(n)
			}
			v := engine.Evaluate(n, factstest.Policy(), factstest.Now)
			got := whatif.Simulate(&v, &tc.scenario)
			if diff := cmp.Diff(tc.want, steps(got)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if got.End != tc.wantEnd || got.CriticalLost != tc.wantCritical {
				t.Errorf("end %d, %d critical pods lost; want %d, %d", got.End, got.CriticalLost, tc.wantEnd, tc.wantCritical)
			}
		})
	}
}

// TestPropertyTheKubeletsSequenceIsItsOrder: whoever is evicted, the sequence is the beginning of the eviction order of
// the same node, and the kernel's the beginning of the kernel's order.
func TestPropertyTheKubeletsSequenceIsItsOrder(t *testing.T) {
	for seed := range uint64(200) {
		n := factstest.Random(seed)
		v := engine.Evaluate(n, factstest.Policy(), factstest.Now)
		if v.Memory.Available == facts.Unknown || v.NoOOM != "" {
			continue
		}
		q := whatif.Simulate(&v, &whatif.Scenario{Kubelet: true, Outside: v.Memory.Available + 64*miB})
		for i := range q.Steps {
			if q.Steps[i].Victim != v.Eviction[i].PodState {
				t.Fatalf("factstest.Random(%d): step %d evicts %s, the order %s", seed, i+1, q.Steps[i].Victim.Name, v.Eviction[i].Name)
			}
		}
		q = whatif.Simulate(&v, &whatif.Scenario{Kernel: true, Outside: v.Memory.Available + 64*miB})
		for i := range q.Steps {
			if k := &v.OOM[i]; !v.Memory.OOMOfPods && (q.Steps[i].Victim != k.PodState || q.Steps[i].Container != k.Container) {
				t.Fatalf("factstest.Random(%d): step %d kills %s, the order %s", seed, i+1, q.Steps[i].Victim.Name, k.Name)
			}
		}
	}
}

// TestPropertyRanksAreThoseOfTheChangedNode: RanksIf tells without a new verdict what a new verdict says.
func TestPropertyRanksAreThoseOfTheChangedNode(t *testing.T) {
	for seed := range uint64(200) {
		n := factstest.Random(seed)
		v := engine.Evaluate(n, factstest.Policy(), factstest.Now)
		for i := range v.Node.Pods {
			p := &v.Node.Pods[i]
			ch := whatif.All(whatif.Priority(int32(seed)*10), whatif.Request("c-0", int64(seed)*16*miB))
			changed := whatif.Apply(v.Node, whatif.Edit{Of: whatif.Replicas(p.Pod), Change: ch})
			after := engine.Evaluate(changed, factstest.Policy(), factstest.Now)
			got, want := whatif.RanksIf(&v, p, ch), whatif.RanksIn(&after, p.Pod)
			if got.Eviction != want.Eviction || (want.OOM != 0 && got.OOM != want.OOM) {
				t.Fatalf("factstest.Random(%d), %s: ranks %+v; a new verdict says %+v", seed, p.Name, got, want)
			}
			if m := whatif.Moves(&v, &after); m[i].RanksAfter != want {
				t.Fatalf("factstest.Random(%d), %s: moves say %+v; want %+v", seed, p.Name, m[i].RanksAfter, want)
			}
		}
	}
}
