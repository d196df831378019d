package kills

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/forensics"
)

// eviction is a kill whose traces allow nothing else, seen one second after.
func (w *world) eviction(pod string) forensics.Record {
	return death(pod, "", w.ago(time.Second), forensics.CauseEviction, forensics.High)
}

func (w *world) evictions() float64 {
	return testutil.ToFloat64(w.Metrics.kills.WithLabelValues("Eviction", "High", "Burstable", "false"))
}

// TestNodeThatIsGone: each kill of a node that is gone is counted once and told once, whoever leads when the node goes.
func TestNodeThatIsGone(t *testing.T) {
	tests := map[string]func(w *world){
		"before its kill was settled": func(w *world) {
			w.lead()
			w.take(w.eviction("a"))
			w.pass(time.Second)
			w.Forget(node)
		},
		"before its kill was published": func(w *world) {
			w.lead()
			w.take(w.eviction("a"))
			w.Forget(node)
		},
		"and its order is read again before the order goes": func(w *world) {
			w.lead()
			w.take(w.eviction("a"))
			w.pass(time.Second)
			for range 3 {
				w.Forget(node)
				w.pass(30 * time.Second)
				w.shows(node, w.order.DeepCopy())
			}
			w.Forget(node)
		},
		"and its kill is judged anew": func(w *world) {
			w.lead()
			w.take(w.eviction("a"))
			w.pass(time.Second)
			w.Forget(node)
			w.pass(2 * time.Minute)
			again := w.eviction("a")
			again.Message = "better evidence"
			w.take(again, w.eviction("a"))
			w.Forget(node) // the reconcile that a change calls for finds neither Node nor order
		},
		"and its kill is found only then": func(w *world) {
			w.lead()
			w.Forget(node)
			w.take(w.eviction("a"))
			w.Forget(node)
		},
		"before a new leader has read the policy": func(w *world) {
			w.take(w.eviction("a"))
			w.shows(node, w.order.DeepCopy())
			w.Forget(node)
			w.Load(w.policy.KillHistory)
		},
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			do(w)
			w.order = v1alpha1.NodeKillOrderStatus{} // the order is gone with its node
			for range 4 {
				w.pass(40 * time.Second)
			}
			w.rollUp()
			if diff := cmp.Diff(map[v1alpha1.KillCause]int32{v1alpha1.CauseEviction: 1}, w.policy.Kills); diff != "" {
				t.Errorf("the policy's kills (-want +got):\n%s", diff)
			}
			if w.evictions() != 1 || len(w.events) != 1 {
				t.Errorf("%v counted, Events %v; want one of each", w.evictions(), w.events)
			}
			w.pass(2 * time.Hour)
			w.pass(time.Second)
			if len(w.gone) != 0 {
				t.Errorf("%d pages of nodes that are gone are still held", len(w.gone))
			}
		})
	}
}

// TestNodeIsGoneAtALeaderChange: the old leader has published, counted and told; the new one, which stood by and saw the
// same death, finds the order of a node that is gone, or nothing at all.
func TestNodeIsGoneAtALeaderChange(t *testing.T) {
	for name, orderIsThere := range map[string]bool{"with its order still there": true, "with its order": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.lead()
			standby := newWorld(t)
			standby.clock = w.clock
			standby.begin()
			kill := w.eviction("a")
			w.take(kill)
			standby.take(kill)
			for range 4 {
				w.pass(30 * time.Second)
			}
			w.rollUp()
			standby.policy, standby.events = w.policy, w.events
			if orderIsThere {
				standby.shows(node, w.order.DeepCopy())
			}
			standby.Forget(node)
			standby.Load(standby.policy.KillHistory)
			if !orderIsThere {
				standby.shows("another node", &v1alpha1.NodeKillOrderStatus{})
			}
			for range 4 {
				standby.pass(40 * time.Second)
			}
			standby.rollUp()
			if diff := cmp.Diff(map[v1alpha1.KillCause]int32{v1alpha1.CauseEviction: 1}, standby.policy.Kills); diff != "" {
				t.Errorf("the policy's kills (-want +got):\n%s", diff)
			}
			if got := standby.evictions() + w.evictions(); got != 1 || len(standby.events) != 1 {
				t.Errorf("%v counted in the metrics of both, Events %v; want one of each", got, standby.events)
			}
		})
	}
}

// TestStandbyForgets: a process that stands by holds no pages of nodes that came and went.
func TestStandbyForgets(t *testing.T) {
	w := newWorld(t)
	for i := range 500 {
		w.clock.SetTime(w.clock.Now().Add(time.Minute))
		r := w.eviction(fmt.Sprint("p", i))
		r.Node = fmt.Sprint("n", i)
		w.take(r)
	}
	if n := len(w.pages); n > 62 {
		t.Errorf("%d pages are held after 500 nodes of a minute each; want those of the last hour", n)
	}
}
