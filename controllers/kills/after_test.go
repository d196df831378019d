package kills

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/forensics"
)

// afterOf is what is known of a bare pod's kills.
func (w *world) afterOf(pod string) *facts.Killed {
	n := &facts.Node{Pods: []facts.PodState{{Pod: &facts.Pod{Namespace: "shop", Name: pod}}}}
	w.AddPastKills(n)
	return n.Pods[0].Killed
}

// TestThePastIsBounded: whatever is killed and advised, what is remembered has a bound, and the newest is there.
func TestThePastIsBounded(t *testing.T) {
	w := newWorld(t)
	w.lead()
	limit := func(pod, container string, i int) {
		r := death(pod, container, w.ago(time.Duration(-i)*time.Second), forensics.CauseContainerLimit, forensics.Medium)
		r.ContainerID = fmt.Sprintf("containerd://%012d", i)
		w.take(r)
	}
	for i := range maxWorkloads + 100 {
		limit(fmt.Sprint("p", i), "app", i)
	}
	for i := range maxPast + 10 {
		limit("again", "app", maxWorkloads+200+i)
	}
	if len(w.past.kills) > maxWorkloads {
		t.Errorf("%d workloads are remembered", len(w.past.kills))
	}
	if k := w.afterOf("again"); k == nil || k.Limits[0].Times != maxPast {
		t.Errorf("of a pod that was killed %d times: %+v", maxPast+10, k)
	}
	for i := range maxAdvised + 100 {
		pod := &facts.PodState{Pod: &facts.Pod{Namespace: "shop", Name: fmt.Sprint("q", i)}}
		w.RememberAdvice([]engine.Finding{{Rule: "NearMemoryLimit", Pod: pod, Container: "app", AdvisedLimit: int64(i)}})
	}
	if len(w.past.advice) != maxAdvised {
		t.Errorf("advice for %d workloads is remembered", len(w.past.advice))
	}
	w.clock.SetTime(w.clock.Now().Add(adviceFor + time.Hour))
	w.RememberAdvice([]engine.Finding{{Rule: "NearMemoryLimit", Pod: &facts.PodState{Pod: &facts.Pod{Name: "new"}}, AdvisedLimit: 1}})
	if len(w.past.advice) != 1 {
		t.Errorf("advice for %d workloads is remembered after a month without findings", len(w.past.advice))
	}
	if k := w.afterOf("again"); k != nil {
		t.Errorf("a month later: %+v", k)
	}
}

// TestTheOrdersRemindANewProcess of kills at a limit: with the pod's last state that is two.
func TestTheOrdersRemindANewProcess(t *testing.T) {
	w := newWorld(t)
	w.lead()
	w.take(death("a", "app", w.ago(time.Minute), forensics.CauseContainerLimit, forensics.Medium))
	w.pass(settling)
	w.restart()
	second := death("a", "app", w.ago(time.Second), forensics.CauseContainerLimit, forensics.Medium)
	second.ContainerID, second.Limit = "containerd://second000000", 64<<20
	w.take(second)
	k := w.afterOf("a")
	if k == nil || len(k.Limits) != 1 || k.Limits[0].Times != 2 || k.Limits[0].Limit != 64<<20 {
		t.Errorf("got %+v, want two kills at 64Mi; the order has %v", k, w.order.Kills)
	}
}

// TestAdviceThatIsStillGivenStays: where there are too many advices, the one goes that was not given for the longest time.
func TestAdviceThatIsStillGivenStays(t *testing.T) {
	w := newWorld(t)
	pod := &facts.PodState{Pod: &facts.Pod{Namespace: "shop", Name: "a"}}
	began := w.clock.Now()
	for i := range 3 * maxAdvice {
		w.RememberAdvice([]engine.Finding{
			{Rule: "NearMemoryLimit", Pod: pod, Container: "app", AdvisedLimit: 1 << 30},
			{Rule: "Drifts", Pod: pod, Container: "app", AdvisedLimit: int64(i)},
		})
		w.clock.SetTime(w.clock.Now().Add(time.Minute))
	}
	all := w.past.advice[pod.Key()]
	i := slices.IndexFunc(all, func(a advice) bool { return a.rule == "NearMemoryLimit" })
	if i < 0 || !all[i].Since.Equal(began) || len(all) != maxAdvice {
		t.Errorf("remembered %+v", all)
	}
}

// TestTwoRulesThatAdviseTheSame are two advices: each keeps its name and its time.
func TestTwoRulesThatAdviseTheSame(t *testing.T) {
	w := newWorld(t)
	pod := &facts.PodState{Pod: &facts.Pod{Namespace: "shop", Name: "a"}}
	var rules []string
	for _, rule := range []string{"NearMemoryLimit", "KilledAtLimit", "NearMemoryLimit"} {
		w.RememberAdvice([]engine.Finding{{Rule: rule, Pod: pod, Container: "app", AdvisedLimit: 1 << 30}})
	}
	for _, a := range w.past.advice[pod.Key()] {
		rules = append(rules, a.rule)
	}
	if want := []string{"NearMemoryLimit", "KilledAtLimit"}; !slices.Equal(rules, want) {
		t.Errorf("advice of %v, want %v", rules, want)
	}
}
