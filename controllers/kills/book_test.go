package kills

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	testclock "k8s.io/utils/clock/testing"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/packed"
	"github.com/killorder/killorder/internal/status"
)

const node = "worker-1"

// world is a process with its Book, and the API server that outlives the process: an order and a policy.
type world struct {
	*Book
	t        testing.TB
	clock    *testclock.FakePassiveClock
	registry *prometheus.Registry
	order    v1alpha1.NodeKillOrderStatus
	policy   v1alpha1.KillOrderPolicyStatus
	// changed counts how often the node was to be published.
	changed int
	// events are the names of PodKilled Events that exist.
	events map[string]int
	// writes fail while broken.
	broken bool
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: testclock.NewFakePassiveClock(factstest.Now), events: map[string]int{}}
	w.begin()
	return w
}

// begin starts a new process: nothing of the old one's memory is left.
func (w *world) begin() {
	w.registry = prometheus.NewRegistry()
	w.Book = &Book{Changed: func(string) { w.changed++ }, Metrics: NewMetrics(w.registry), Clock: w.clock}
}

// shows tells the Book what the API server has.
func (w *world) shows(node string, s *v1alpha1.NodeKillOrderStatus) {
	w.t.Helper()
	kept, err := packed.Pack(s)
	if err != nil {
		w.t.Fatal(err)
	}
	w.SetPublished(node, s, kept)
}

// lead does what a leader's controllers do first: the policy and the order are read.
func (w *world) lead() {
	w.Load(w.policy.KillHistory)
	w.shows(node, w.order.DeepCopy())
}

// restart is a crash and a new leader.
func (w *world) restart() {
	w.begin()
	w.lead()
}

// pass lets time go by, publishes what is to be, counts and tells, as the controllers would.
func (w *world) pass(d time.Duration) {
	w.clock.SetTime(w.clock.Now().Add(d))
	w.publish()
	w.Count()
	for _, in := range w.ToTell() {
		order := &v1alpha1.NodeKillOrder{}
		order.Name = node
		w.events[status.KillEvent(order, in.Kills, in.Others, "test").Name]++
		w.Told(&in)
	}
}

func (w *world) publish() {
	if w.broken {
		return
	}
	found, withdrawn := w.Found(node)
	next := w.order
	next.Kills = status.Kills(w.order.Kills, found, withdrawn)
	if !equality.Semantic.DeepEqual(next.Kills, w.order.Kills) {
		next.LastChangedAt = new(status.Stamp(w.clock.Now()))
		w.order = next
		w.shows(node, w.order.DeepCopy())
	}
}

// rollUp writes the policy, as happens at most once a minute.
func (w *world) rollUp() { w.RollUp(&w.policy) }

// ago is a time before the clock's.
func (w *world) ago(d time.Duration) time.Time { return w.clock.Now().Add(-d) }

// death is the judgement of a container's death.
func death(pod, container string, at time.Time, cause forensics.Cause, how forensics.Confidence) forensics.Record {
	r := forensics.Record{
		Key:       forensics.Key{UID: "uid-" + pod, Container: container, ContainerID: "containerd://" + pod + container + "0123456789abcdef"},
		Namespace: "shop", Pod: pod, Node: node, Time: at, Cause: cause, Confidence: how, Message: "the evidence",
	}
	if container == "" {
		r.ContainerID = ""
	}
	return r
}

func (w *world) take(r forensics.Record, was ...forensics.Record) {
	w.Take(&forensics.Change{Record: r, Was: was}, Victim{QOS: "Burstable"})
}

// counted is the metric of kills by cause, and of what else is asked for.
func (w *world) counted(name, label string) map[string]int {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	got := map[string]int{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label && m.GetCounter().GetValue() > 0 {
					got[l.GetValue()] += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return got
}

func (w *world) kills() map[string]int { return w.counted("killorder_kills_total", "cause") }

func (w *world) leftOut() map[string]int { return w.counted("killorder_kills_left_out_total", "what") }

func shown(kills []v1alpha1.Kill) (out []string) {
	for i := range kills {
		out = append(out, fmt.Sprintf("%s %s/%s", kills[i].Cause, kills[i].Pod, kills[i].Container))
	}
	return out
}

func (w *world) expect(wantShown []string, wantCounted map[string]int, wantEvents int) {
	w.t.Helper()
	if diff := cmp.Diff(wantShown, shown(w.order.Kills)); diff != "" {
		w.t.Errorf("shown (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantCounted, w.kills()); diff != "" {
		w.t.Errorf("counted (-want +got):\n%s", diff)
	}
	if len(w.events) != wantEvents {
		w.t.Errorf("events %v, want %d", w.events, wantEvents)
	}
}

// settling is long enough for a kill to be counted, also by a process that has just begun to lead.
const settling = 80 * time.Second

func TestAKillIsShownAtOnceAndCountedOnce(t *testing.T) {
	w := newWorld(t)
	w.lead()
	r := death("a", "app", w.ago(time.Second), forensics.CausePodsOOM, forensics.Medium)
	w.take(r)
	if w.changed != 1 {
		t.Errorf("asked %d times for a write, want once", w.changed)
	}
	w.pass(time.Second)
	w.expect([]string{"PodsOOM a/app"}, map[string]int{}, 0) // more traces may come
	for range 5 {
		w.pass(settling)
	}
	w.expect([]string{"PodsOOM a/app"}, map[string]int{"PodsOOM": 1}, 1)
	w.rollUp()
	if diff := cmp.Diff(map[v1alpha1.KillCause]int32{"PodsOOM": 1}, w.policy.Kills); diff != "" {
		t.Errorf("rolled up (-want +got):\n%s", diff)
	}
}

func TestACertainKillIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	w.lead()
	w.take(death("a", "", w.ago(time.Second), forensics.CauseEviction, forensics.High))
	w.pass(time.Second)
	w.expect([]string{"Eviction a/"}, map[string]int{}, 1)
}

func TestABetterClassIsNoSecondKill(t *testing.T) {
	w := newWorld(t)
	w.lead()
	foreign := death("a", "app", w.ago(time.Second), forensics.CauseForeign, forensics.Low)
	w.take(foreign)
	w.pass(time.Second)
	better := death("a", "app", foreign.Time, forensics.CauseContainerLimit, forensics.Medium)
	w.take(better, foreign)
	w.pass(settling)
	w.expect([]string{"ContainerLimit a/app"}, map[string]int{"ContainerLimit": 1}, 1)
	best := death("a", "app", foreign.Time, forensics.CauseContainerLimit, forensics.High) // after it was counted and told
	w.take(best, better)
	w.pass(settling)
	w.expect([]string{"ContainerLimit a/app"}, map[string]int{"ContainerLimit": 1}, 1)
	if w.order.Kills[0].Confidence != v1alpha1.ConfidenceHigh {
		t.Errorf("the better class is not shown: %+v", w.order.Kills[0])
	}
}

func TestAKillThatWasNoneIsTakenBack(t *testing.T) {
	w := newWorld(t)
	w.lead()
	kill := death("a", "app", w.ago(time.Second), forensics.CauseForeign, forensics.Low)
	w.take(kill)
	w.pass(time.Second)
	probe := kill
	probe.Cause, probe.Reason = "", forensics.ReasonProbe
	w.take(probe, kill)
	w.pass(settling)
	w.pass(settling)
	w.expect(nil, map[string]int{}, 0)
}

// TestContainersThatWentWithTheirPod: two containers look killed, until the pod turns out to be evicted.
func TestContainersThatWentWithTheirPod(t *testing.T) {
	w := newWorld(t)
	w.lead()
	x := death("a", "x", w.ago(time.Second), forensics.CauseForeign, forensics.Low)
	y := death("a", "y", w.ago(time.Second), forensics.CauseForeign, forensics.Low)
	w.take(x)
	w.take(y)
	w.pass(time.Second)
	w.expect([]string{"Foreign a/x", "Foreign a/y"}, map[string]int{}, 0)
	w.take(death("a", "", x.Time, forensics.CauseEviction, forensics.High), x, y)
	w.pass(settling)
	w.expect([]string{"Eviction a/"}, map[string]int{"Eviction": 1}, 1)
}

// TestKillInTheSecondOfItsFirstOrder: the order that lists the victim was published before the operator saw the death, and
// within the second of the death. The order before did not know the pod. A cause that becomes known later changes nothing.
func TestKillInTheSecondOfItsFirstOrder(t *testing.T) {
	w := newWorld(t)
	w.order = v1alpha1.NodeKillOrderStatus{
		LastChangedAt: new(status.Stamp(w.ago(time.Minute))), LimitOrder: []v1alpha1.LimitVictim{{Rank: 1, Namespace: "shop", Pod: "z", Container: "app"}},
	}
	w.lead()
	w.clock.SetTime(w.clock.Now().Truncate(time.Second).Add(300 * time.Millisecond))
	w.order.LastChangedAt = new(status.Stamp(w.clock.Now()))
	w.order.LimitOrder = append([]v1alpha1.LimitVictim{{Rank: 1, Namespace: "shop", Pod: "a", Container: "app"}}, w.order.LimitOrder...)
	w.shows(node, w.order.DeepCopy())
	w.clock.SetTime(w.clock.Now().Add(500 * time.Millisecond))
	at := w.clock.Now().Truncate(time.Second)
	w.take(death("a", "app", at, forensics.CauseUnknown, forensics.Low))
	w.pass(time.Second)
	if k := w.order.Kills[0]; k.Predicted != nil {
		t.Errorf("predicted %+v of a kill of unknown cause", k.Predicted)
	}
	w.take(death("a", "app", at, forensics.CauseContainerLimit, forensics.Medium), death("a", "app", at, forensics.CauseUnknown, forensics.Low))
	w.pass(time.Second)
	if k := w.order.Kills[0]; k.Predicted == nil || k.Predicted.Rank != 1 || k.Predicted.Killer != v1alpha1.KillerLimit {
		t.Errorf("predicted %+v, want rank 1 of the Limit order", k.Predicted)
	}
}

func TestContainersOfOnePodAreOneEvent(t *testing.T) {
	w := newWorld(t)
	w.lead()
	w.take(death("a", "x", w.ago(2*time.Second), forensics.CausePodsOOM, forensics.Medium))
	w.take(death("a", "y", w.ago(1*time.Second), forensics.CausePodsOOM, forensics.Medium))
	w.take(death("b", "z", w.ago(1*time.Second), forensics.CausePodsOOM, forensics.Medium))
	w.pass(settling)
	w.pass(settling)
	w.expect([]string{"PodsOOM a/y", "PodsOOM b/z", "PodsOOM a/x"}, map[string]int{"PodsOOM": 3}, 2)
}

// TestNothingIsWrittenNothingIsTold: the status comes first; what could not be written is neither counted nor told, and
// neither is lost.
func TestNothingIsWrittenNothingIsTold(t *testing.T) {
	w := newWorld(t)
	w.lead()
	w.broken = true
	w.take(death("a", "", w.ago(time.Second), forensics.CauseEviction, forensics.High))
	w.pass(settling)
	w.expect(nil, map[string]int{}, 0)
	w.rollUp()
	if !w.policy.KillHistory.Until.Time.Before(w.clock.Now().Add(-settling)) {
		t.Errorf("the policy says that all kills until %v are counted", w.policy.KillHistory.Until)
	}
	w.broken = false
	w.pass(settling)
	w.expect([]string{"Eviction a/"}, map[string]int{"Eviction": 1}, 1)
}

// TestANodeWithoutAnOrderLosesNoKill: its order is never written.
func TestANodeWithoutAnOrderLosesNoKill(t *testing.T) {
	w := newWorld(t)
	w.lead()
	w.broken = true
	w.take(death("a", "", w.ago(time.Second), forensics.CauseEviction, forensics.High))
	w.pass(unpublishedFor + time.Second)
	w.expect(nil, map[string]int{"Eviction": 1}, 0)
	w.take(death("b", "", w.ago(time.Second), forensics.CauseEviction, forensics.High))
	w.Forget(node) // the Node is gone, and no order is awaited any more
	w.pass(settling)
	w.expect(nil, map[string]int{"Eviction": 2}, 1)
}

// what remains of kills after a crash: the pods' last states, which the new process sees and judges again.
func TestRestarts(t *testing.T) {
	tests := map[string]struct {
		// before the crash; after it, what is seen again.
		before, after func(w *world)
		wantShown     []string
		wantCounted   map[string]int // by the new process
		wantEvents    int
		wantRolledUp  map[v1alpha1.KillCause]int32
	}{
		"after all was counted": {
			before:    func(w *world) { w.take(oomAt(w, "a", time.Second)); w.pass(settling); w.rollUp() },
			after:     func(w *world) { w.take(oomAt(w, "a", time.Second+settling+crash)) },
			wantShown: []string{"PodsOOM a/app"}, wantCounted: map[string]int{}, wantEvents: 1,
			wantRolledUp: map[v1alpha1.KillCause]int32{"PodsOOM": 1},
		},
		"published, not counted": {
			before: func(w *world) {
				w.rollUp()
				w.pass(time.Minute)
				w.take(oomAt(w, "a", time.Second))
				w.pass(time.Second)
			},
			after: func(w *world) { w.take(oomAt(w, "a", 2*time.Second+crash)) },
			// Nobody knows whether the old process counted the kill in its metrics: the new one does not count it twice.
			wantShown: []string{"PodsOOM a/app"}, wantCounted: map[string]int{}, wantEvents: 1,
			wantRolledUp: map[v1alpha1.KillCause]int32{"PodsOOM": 1},
		},
		"counted, the policy not written": {
			before:    func(w *world) { w.rollUp(); w.pass(time.Minute); w.take(oomAt(w, "a", time.Second)); w.pass(settling) },
			after:     func(w *world) { w.take(oomAt(w, "a", time.Second+settling+crash)) },
			wantShown: []string{"PodsOOM a/app"}, wantCounted: map[string]int{}, wantEvents: 1,
			wantRolledUp: map[v1alpha1.KillCause]int32{"PodsOOM": 1},
		},
		"killed while nobody looked": {
			before:    func(w *world) { w.rollUp() },
			after:     func(w *world) { w.take(oomAt(w, "a", crash/2)) },
			wantShown: []string{"PodsOOM a/app"}, wantCounted: map[string]int{"PodsOOM": 1}, wantEvents: 1,
			wantRolledUp: map[v1alpha1.KillCause]int32{"PodsOOM": 1},
		},
		"more than a status has room for": {
			before: func(w *world) {
				for i := range 6 {
					w.take(oomAt(w, fmt.Sprint("p", i), time.Duration(10-i)*time.Second))
				}
				w.pass(settling)
				w.rollUp()
			},
			after: func(w *world) {
				for i := range 6 {
					w.take(oomAt(w, fmt.Sprint("p", i), time.Duration(10-i)*time.Second+settling+crash))
				}
			},
			wantShown: []string{"PodsOOM p5/app", "PodsOOM p4/app", "PodsOOM p3/app"}, wantCounted: map[string]int{}, wantEvents: 6,
			wantRolledUp: map[v1alpha1.KillCause]int32{"PodsOOM": 6},
		},
		"the order was deleted meanwhile": {
			before: func(w *world) {
				w.take(oomAt(w, "a", time.Second))
				w.pass(settling)
				w.pass(15 * time.Minute)
				w.rollUp()
				w.order = v1alpha1.NodeKillOrderStatus{}
			},
			after:     func(w *world) { w.take(oomAt(w, "a", time.Second+settling+15*time.Minute+crash)) },
			wantShown: []string{"PodsOOM a/app"}, wantCounted: map[string]int{}, wantEvents: 1,
			wantRolledUp: map[v1alpha1.KillCause]int32{"PodsOOM": 1},
		},
		"found for the first time, two days old": {
			before:    func(*world) {},
			after:     func(w *world) { w.take(oomAt(w, "a", 48*time.Hour)) },
			wantShown: []string{"PodsOOM a/app"}, wantCounted: map[string]int{},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.lead()
			tc.before(w)
			w.clock.SetTime(w.clock.Now().Add(crash))
			w.restart()
			tc.after(w)
			w.pass(settling)
			w.pass(settling)
			w.rollUp()
			w.expect(tc.wantShown, tc.wantCounted, tc.wantEvents)
			for name, n := range w.events {
				if n > 2 || (n > 1 && !w.entriesRestored()) {
					t.Errorf("Event %s was created %d times", name, n)
				}
			}
			if diff := cmp.Diff(tc.wantRolledUp, w.policy.Kills); diff != "" {
				t.Errorf("rolled up (-want +got):\n%s", diff)
			}
		})
	}
}

const crash = 2 * time.Minute

// oomAt is a death that long ago.
func oomAt(w *world, pod string, ago time.Duration) forensics.Record {
	return death(pod, "app", w.ago(ago).Truncate(time.Second), forensics.CausePodsOOM, forensics.Medium)
}

func (w *world) entriesRestored() bool {
	for _, e := range w.pages[node].entries {
		if e.restored {
			return true
		}
	}
	return false
}

// TestANewLeaderKnowsWhatTheOldOneTold: a replica that stood by saw all deaths itself.
func TestANewLeaderKnowsWhatTheOldOneTold(t *testing.T) {
	old := newWorld(t)
	old.lead()
	standby := &Book{Changed: func(string) {}, Metrics: NewMetrics(prometheus.NewRegistry()), Clock: old.clock}
	for i := range 5 {
		r := oomAt(old, fmt.Sprint("p", i), time.Second)
		old.take(r)
		standby.Take(&forensics.Change{Record: r}, Victim{})
		old.pass(settling)
	}
	old.rollUp()
	last := oomAt(old, "last", time.Second) // the old leader dies before it can write
	standby.Take(&forensics.Change{Record: last}, Victim{QOS: "Burstable"})
	leader := old
	leader.Book, leader.registry = standby, prometheus.NewRegistry()
	standby.Metrics = NewMetrics(leader.registry)
	leader.clock.SetTime(leader.clock.Now().Add(20 * time.Second))
	leader.lead()
	leader.pass(time.Second)
	leader.pass(settling)
	leader.rollUp()
	leader.expect([]string{"PodsOOM last/app", "PodsOOM p4/app", "PodsOOM p3/app"}, map[string]int{"PodsOOM": 1}, 6)
	if got := leader.policy.Kills[v1alpha1.CausePodsOOM]; got != 6 {
		t.Errorf("%d kills rolled up, want 6", got)
	}
}

// TestAThousandKillsInAMinute: each is counted, the book stays small, and what is not told is counted.
func TestAThousandKillsInAMinute(t *testing.T) {
	w := newWorld(t)
	w.lead()
	w.pass(firstCount)
	for i := range 1000 {
		w.take(oomAt(w, fmt.Sprintf("p%04d", i), time.Second))
		w.clock.SetTime(w.clock.Now().Add(60 * time.Millisecond))
		if i%50 == 0 {
			w.publish()
			w.Count()
		}
		if n := len(w.pages[node].entries); n > maxEntries {
			t.Fatalf("%d entries are held", n)
		}
	}
	w.pass(settling)
	w.pass(settling)
	if diff := cmp.Diff(map[string]int{"PodsOOM": 1000}, w.kills()); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	if told, left := len(w.events), w.leftOut()[leftOutEvent]; told == 0 || told+left != 1000 {
		t.Errorf("%d told and %d left out, want 1000 together", told, left)
	}
	for i := range 1000 { // a resync shows them again
		r := oomAt(w, fmt.Sprintf("p%04d", i), time.Second)
		w.take(r)
	}
	w.pass(settling)
	w.pass(settling)
	if got := w.kills()["PodsOOM"]; got != 1000 {
		t.Errorf("%d kills counted after a resync, want 1000", got)
	}
}

// TestALeaderHoldsKillsUntilItCounts: what an old leader counted is not counted again by one that leads, and knows no status yet.
func TestALeaderHoldsKillsUntilItCounts(t *testing.T) {
	w := newWorld(t)
	w.lead()
	standby := &Book{Changed: func(string) {}, Metrics: NewMetrics(prometheus.NewRegistry()), Clock: w.clock}
	for i := range 5 * maxEntries {
		r := oomAt(w, fmt.Sprintf("p%04d", i), time.Second)
		w.take(r)
		standby.Take(&forensics.Change{Record: r}, Victim{})
		w.publish()
		w.clock.SetTime(w.clock.Now().Add(time.Second))
	}
	w.pass(settling)
	w.pass(settling)
	w.rollUp()
	w.Book, w.registry = standby, prometheus.NewRegistry()
	w.Metrics = NewMetrics(w.registry)
	w.Load(w.policy.KillHistory)
	w.take(oomAt(w, "new", time.Second))
	w.shows(node, w.order.DeepCopy())
	w.pass(time.Second)
	w.take(oomAt(w, "newer", time.Second))
	if n := len(w.pages[node].entries); n > 4*maxEntries {
		t.Errorf("%d entries are held", n)
	}
	w.pass(settling)
	w.pass(settling)
	w.rollUp()
	if diff := cmp.Diff(map[string]int{"PodsOOM": 2}, w.kills()); diff != "" {
		t.Errorf("counted by the new leader (-want +got):\n%s", diff)
	}
	if got := int(w.policy.Kills[v1alpha1.CausePodsOOM]); got != 5*maxEntries+2 {
		t.Errorf("%d kills rolled up, want %d", got, 5*maxEntries+2)
	}
}

// TestADeathThatWasNoneStaysNone: what an earlier process published does not bring the kill back.
func TestADeathThatWasNoneStaysNone(t *testing.T) {
	w := newWorld(t)
	w.lead()
	r := oomAt(w, "a", time.Second)
	w.take(r)
	w.pass(time.Second)
	w.begin()
	w.take(r) // while this process stands by
	none := r
	none.Cause, none.Reason = "", forensics.ReasonProbe
	w.take(none, r)
	w.lead()
	w.pass(settling)
	w.pass(settling)
	if len(w.order.Kills) != 0 {
		t.Errorf("the order shows %v", shown(w.order.Kills))
	}
	if got := w.kills(); len(got) != 0 {
		t.Errorf("counted %v", got)
	}
}

// TestMemoryOfThousandsOfKills: on one node, over a day.
func TestMemoryOfThousandsOfKills(t *testing.T) {
	w := newWorld(t)
	w.lead()
	for i := range 3_000 { // three times what is remembered
		w.take(oomAt(w, fmt.Sprintf("p%05d", i), time.Second))
		if i%10 == 9 {
			w.pass(90 * time.Second)
		}
	}
	p := w.pages[node]
	if len(p.entries) > maxEntries+1 || len(p.remembered) > maxRemembered || len(p.predictions) > maxPredictions {
		t.Errorf("%d entries, %d remembered, %d predictions", len(p.entries), len(p.remembered), len(p.predictions))
	}
	w.pass(settling)
	if got := w.kills()["PodsOOM"]; got != 3_000 {
		t.Errorf("%d kills counted, want 3000", got)
	}
}

func TestAKillIsComparedWithWhatWasPublishedBefore(t *testing.T) {
	w := newWorld(t)
	w.order = v1alpha1.NodeKillOrderStatus{
		LastChangedAt: new(status.Stamp(w.ago(time.Minute))),
		Memory:        &v1alpha1.MemoryStatus{OOMHeadroom: new(resource.MustParse("40Mi"))},
		OOMOrder:      []v1alpha1.OOMVictim{{Namespace: "shop", Pod: "b", Container: "app"}, {Namespace: "shop", Pod: "a", Container: "app"}},
		CulpritRef:    &v1alpha1.CulpritReference{Namespace: "shop", Pod: "b", UID: "uid-b"},
	}
	w.take(oomAt(w, "a", time.Second)) // found before this process knows what is published
	w.lead()
	w.pass(time.Second)
	w.order.OOMOrder = w.order.OOMOrder[1:] // what is published after the kill
	w.order.LastChangedAt = new(status.Stamp(w.clock.Now()))
	w.shows(node, w.order.DeepCopy())
	w.pass(settling)
	k := w.order.Kills[0]
	if k.Predicted == nil || k.Predicted.Rank != 2 || k.Culprit != "shop/b" || !k.WrongVictim {
		t.Errorf("got %+v", k)
	}
	if diff := cmp.Diff(map[string]int{"PodsOOM": 1}, w.counted("killorder_wrong_victim_kills_total", "cause")); diff != "" {
		t.Errorf("wrong victims (-want +got):\n%s", diff)
	}
}

// A clock that was ahead and is put back leaves no predictions of the future behind, beside which none of now would count.
func TestPredictionsOfAClockPutBack(t *testing.T) {
	w := newWorld(t)
	for _, after := range []time.Duration{0, time.Hour, time.Hour + time.Minute, 2 * time.Minute} {
		at := status.Stamp(factstest.Now.Add(after))
		w.shows(node, &v1alpha1.NodeKillOrderStatus{LastChangedAt: &at})
	}
	var ages []time.Duration
	for _, p := range w.page(node).predictions {
		ages = append(ages, p.PublishedAt.Sub(factstest.Now))
	}
	if want := []time.Duration{0, 2 * time.Minute}; !cmp.Equal(ages, want) {
		t.Errorf("predictions published after %v, want %v", ages, want)
	}
}
