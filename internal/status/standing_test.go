package status

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/packed"
	"github.com/killorder/killorder/internal/status/statustest"
)

// operator publishes one node's status, with or without judging to the end where the status stands.
type operator struct {
	History
	current *v1alpha1.NodeKillOrderStatus
	wrote   time.Time
	// skips: JudgeStanding is asked first. stood counts how often that was enough.
	skips bool
	stood int
}

func (o *operator) visit(n *facts.Node, p *facts.Policy, kills []v1alpha1.Kill, now time.Time) {
	o.SetKills(kills, nil)
	if o.skips {
		if _, _, unmoved := o.JudgeStanding(n, p, "n", p.TopN, 1, o.wrote, now); unmoved {
			o.stood++
			return
		}
	}
	o.SetPublished(o.current)
	v, next := Judge(n, p, &o.History, p.TopN, 1, now)
	o.SetPublished(nil)
	plan := PlanWrite("n", o.current, &next, true, o.wrote, now)
	switch {
	case plan.Write:
		o.current, o.wrote = &next, now
	case plan.After == 0:
		if o.current != nil {
			next.LastChangedAt = o.current.LastChangedAt
		}
		o.KeepStanding(&v, &next, p, p.TopN, 1, now)
	}
}

// A node that is judged to the end only where its status may not stand is published as one that is judged to the end in every
// pass: the same statuses at the same times, and the same is remembered, whatever its readings, pods and conditions do.
func FuzzWhatStandsIsWhatAJudgementWouldSay(f *testing.F) {
	seeds(f, 3) // one for each level of the workers
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 3))
		node, policy := newNoisyNode(seed, []int64{1024, 3072, 3900}[seed%3]), factstest.Policy()
		all, some := &operator{}, &operator{skips: true}
		var kills []v1alpha1.Kill
		for tick := range 80 {
			change(r, node, &kills)
			n := node.read()
			n.MemoryPressure = facts.Tristate(1 + min(r.IntN(40), 1)) // now and then there is pressure
			if r.IntN(25) == 0 {
				n.Usage.ObservedAt = node.now.Add(-time.Duration(r.IntN(900)) * time.Second)
			}
			all.visit(n, policy, kills, node.now)
			some.visit(n, policy, kills, node.now)
			if !equality.Semantic.DeepEqual(all.current, some.current) {
				t.Fatalf("tick %d, published (-judged to the end +not):\n%s", tick, cmp.Diff(all.current, some.current))
			}
			if all.challenger != some.challenger || all.newForecast != some.newForecast ||
				!same(&all.forecasts, &some.forecasts) || !same(&all.told, &some.told) {
				t.Fatalf("tick %d: what is remembered differs", tick)
			}
		}
	})
}

// Where readings only vary, the status stands from pass to pass, but for the one in half an hour that writes it again.
func TestNoiseFarFromDangerIsNotJudgedToTheEnd(t *testing.T) {
	node, policy, o := newNoisyNode(1, 1024), factstest.Policy(), &operator{skips: true}
	for range 30 {
		o.visit(node.read(), policy, nil, node.now)
	}
	before := o.stood
	for range 60 {
		o.visit(node.read(), policy, nil, node.now)
	}
	if stood := o.stood - before; stood < 56 { // after each write the first judgement is one to the end
		t.Errorf("the status stood in %d of 60 passes", stood)
	}
}

// The published scope of the kernel's killer stands where the other one is nearer by no more than noise.
func TestAScopeWithinNoiseStands(t *testing.T) {
	policy, o, now := factstest.Policy(), &operator{skips: true}, factstest.Now
	visit := func(podsLeft int64) {
		for range 10 {
			n := reserved(3*giB, podsLeft)
			now = now.Add(31 * time.Second)
			n.Usage.ObservedAt = now
			o.visit(n, policy, nil, now)
		}
	}
	visit(4 * giB)
	visit(3*giB - 100*miB)
	before := o.stood
	visit(3*giB - 100*miB)
	if stood := o.stood - before; stood < 9 || o.current.Memory.OOMScope != v1alpha1.OOMScopeNode {
		t.Errorf("the status stood in %d of 10 passes, the scope is %s; want it to stand, with the scope Node", stood, o.current.Memory.OOMScope)
	}
}

// Where a status has no room for all of limitOrder, the rows that are left out move with each reading: that is no news.
func TestAnOrderWithoutRoomForItsLimitsStands(t *testing.T) {
	node, policy, o := newNoisyNode(1, 1024), factstest.Policy(), &operator{skips: true}
	node.capacity = 512 * giB
	for i := range 28 {
		node.add(fmt.Sprintf("recommendation-engine-of-a-long-name-%02d", i), 3, 100_000, noisy("application", 512, 1024, 700, 0.02))
	}
	for range 30 {
		o.visit(node.read(), policy, []v1alpha1.Kill{statustest.Kill(0), statustest.Kill(1), statustest.Kill(2)}, node.now)
	}
	if rows := len(o.current.LimitOrder); rows == 0 || rows == v1alpha1.MaxLimitOrder || len(node.pods) < 110 {
		t.Fatalf("limitOrder of %d pods has %d rows, want fewer than %d", len(node.pods), rows, v1alpha1.MaxLimitOrder)
	}
	before := o.stood
	for range 60 {
		o.visit(node.read(), policy, nil, node.now)
	}
	if stood := o.stood - before; stood < 50 {
		t.Errorf("the status stood in %d of 60 passes", stood)
	}
}

// change does to the node now and then what happens to nodes: the load rises or falls, a pod grows, comes or goes, is killed.
func change(r *rand.Rand, n *noisyNode, kills *[]v1alpha1.Kill) {
	switch r.IntN(60) {
	case 0:
		n.level = 0.7 + 0.6*r.Float64()
	case 1:
		n.pods[r.IntN(len(n.pods))].containers[0].level += r.Int64N(giB)
	case 2:
		n.pods = append(n.pods[:0:0], n.pods[1:]...)
	case 3:
		n.add(fmt.Sprint("new", r.IntN(1000)), 1, int32(r.IntN(2))*100_000, noisy("app", r.Int64N(512), 1024, r.Int64N(900), 0.05))
	case 4:
		now := Stamp(n.now)
		*kills = append(*kills, v1alpha1.Kill{
			UID: "dead", Namespace: "shop", Pod: fmt.Sprint("dead", r.IntN(9)), Time: now, SeenAt: now, Message: "killed",
			Cause: v1alpha1.CauseNodeOOM, Confidence: v1alpha1.ConfidenceHigh,
		})
	}
}

func same[T any](a, b *T) bool { return reflect.DeepEqual(a, b) }

// BenchmarkJudgement compares a judgement to the end, from the packed status, with one of a status that stands.
func BenchmarkJudgement(b *testing.B) {
	node, policy, o := newNoisyNode(1, 1024), factstest.Policy(), &operator{}
	for range 40 {
		o.visit(node.read(), policy, nil, node.now)
	}
	kept, err := packed.Pack(o.current)
	if err != nil {
		b.Fatal(err)
	}
	n := node.read()
	b.Run("to the end", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			current, _ := kept.Unpack()
			o.SetPublished(current)
			_, next := Judge(n, policy, &o.History, policy.TopN, 1, node.now)
			PlanWrite("n", current, &next, true, o.wrote, node.now)
		}
	})
	o.visit(n, policy, nil, node.now)
	b.Run("standing", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, unmoved := o.JudgeStanding(n, policy, "n", policy.TopN, 1, o.wrote, node.now); !unmoved {
				b.Fatal("the status does not stand")
			}
		}
	})
}
