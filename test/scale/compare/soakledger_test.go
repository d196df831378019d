package compare

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/status"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// seconds after noon.
func after(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// book is a ledger that is written by hand.
type book struct {
	*testing.T
	*ledger
}

// shows notes a version of the order of node-1.
func (b book) shows(second int, entries ...v1alpha1.AtRiskPod) {
	b.Helper()
	text, err := json.Marshal(v1alpha1.NodeKillOrderStatus{AtRisk: entries})
	if err != nil {
		b.Fatal(err)
	}
	o := &order{Metadata: metav1.ObjectMeta{Name: "node-1", UID: "order"}, Status: text}
	if err := b.order("MODIFIED", o, after(second)); err != nil {
		b.Fatal(err)
	}
}

// tells notes the Events that the operator itself makes of an order.
func (b book) tells(second int, entries ...v1alpha1.AtRiskPod) {
	for _, e := range eventsOf(second, entries...) {
		e.UID = types.UID(e.Name)
		b.event(e)
	}
}

func eventsOf(second int, entries ...v1alpha1.AtRiskPod) []*eventsv1.Event {
	o := &v1alpha1.NodeKillOrder{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}
	o.Status.AtRisk = entries
	return status.Events(o, &engine.Verdict{Node: &facts.Node{}}, "manager", after(second))
}

// open and closed entries about a pod.
func open(pod string, since int) v1alpha1.AtRiskPod {
	return v1alpha1.AtRiskPod{
		UID: types.UID("uid-of-" + pod), Namespace: "shop", Pod: pod, Killer: v1alpha1.KillerOOM, Since: metav1.NewTime(after(since)),
	}
}

func closed(pod string, since, until int) v1alpha1.AtRiskPod {
	e := open(pod, since)
	e.Until = &metav1.Time{Time: after(until)}
	return e
}

// TestQuiet: a node may go when each of its risks is over and told.
func TestQuiet(t *testing.T) {
	for name, test := range map[string]struct {
		entries []v1alpha1.AtRiskPod
		untold  bool
		want    bool
	}{
		"nothing":                       {want: true},
		"a pod is at risk":              {entries: []v1alpha1.AtRiskPod{open("a", 1)}},
		"the risk is over":              {entries: []v1alpha1.AtRiskPod{closed("a", 1, 5)}, want: true},
		"over, and not told":            {entries: []v1alpha1.AtRiskPod{closed("a", 1, 5)}, untold: true},
		"over for one pod, not another": {entries: []v1alpha1.AtRiskPod{closed("a", 1, 5), open("b", 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			b := book{t, newLedger()}
			b.shows(5, test.entries...)
			if !test.untold {
				b.tells(5, test.entries...)
			}
			if have := b.quiet("node-1"); have != test.want {
				t.Errorf("quiet: %t, want %t", have, test.want)
			}
		})
	}
}

func TestLedger(t *testing.T) {
	for name, test := range map[string]struct {
		write          func(b book)
		want           counts
		wantDifference string // in the only one
	}{
		"a pod comes and goes, and both are told": {
			write: func(b book) {
				b.shows(1, open("a", 1))
				b.tells(1, open("a", 1))
				b.shows(5, closed("a", 1, 5))
				b.tells(5, closed("a", 1, 5))
				b.shows(700)
			},
			want: counts{orders: 1, versions: 3, transitions: 2, events: 2},
		},
		"the same Event, seen again after an interruption": {
			write: func(b book) {
				b.shows(1, open("a", 1))
				b.tells(1, open("a", 1))
				b.tells(9, open("a", 1))
			},
			want: counts{orders: 1, versions: 1, transitions: 1, events: 1},
		},
		"lost": {
			write:          func(b book) { b.shows(1, open("a", 1)) },
			want:           counts{orders: 1, versions: 1, transitions: 1},
			wantDifference: "no Event, want 1: CriticalPodAtRisk uid-of-a oom of 12:00:01, shop/a on node-1, shown 12:00:01, gone never",
		},
		"came and went between two versions": {
			write: func(b book) {
				b.shows(5, closed("a", 1, 5))
				b.tells(5, closed("a", 1, 5))
			},
			want: counts{orders: 1, versions: 1, transitions: 2, events: 2},
		},
		"lost, and shown no longer": {
			write: func(b book) {
				b.shows(1, open("a", 1))
				b.shows(2)
			},
			want:           counts{orders: 1, versions: 2, transitions: 1},
			wantDifference: "gone 12:00:02",
		},
		"the operator was killed before it told": {
			write: func(b book) {
				b.shows(1, open("a", 1))
				b.killed(after(2))
				b.shows(30)
			},
			want: counts{orders: 1, versions: 2, transitions: 1, excused: 1},
		},
		"the operator was killed, and the next one has all that it takes to tell": {
			write: func(b book) {
				b.shows(1, open("a", 1))
				b.killed(after(2))
				b.shows(30, open("a", 1))
			},
			want:           counts{orders: 1, versions: 2, transitions: 1},
			wantDifference: "no Event, want 1",
		},
		"the operator was killed later": {
			write: func(b book) {
				b.shows(1, open("a", 1))
				b.shows(2)
				b.killed(after(3))
			},
			want:           counts{orders: 1, versions: 2, transitions: 1},
			wantDifference: "no Event, want 1",
		},
		"the namespace's Events are not late": {
			write: func(b book) {
				b.shows(1, open("a", 1), open("b", 1))
				b.tells(1, open("b", 1))
				b.shows(2, open("b", 1))
			},
			want:           counts{orders: 1, versions: 2, transitions: 2, events: 1},
			wantDifference: "no Event, want 1: CriticalPodAtRisk uid-of-a",
		},
		"told twice, of two times": {
			write: func(b book) {
				b.shows(1, open("a", 1))
				b.tells(1, open("a", 1))
				b.tells(2, open("a", 2))
			},
			want:           counts{orders: 1, versions: 1, transitions: 1, events: 2},
			wantDifference: "1 Event, want none: no order showed CriticalPodAtRisk uid-of-a oom of 12:00:02",
		},
		"told twice, by two Events": {
			write: func(b book) {
				b.shows(1, open("a", 1))
				b.tells(1, open("a", 1))
				again := eventsOf(1, open("a", 1))[0]
				again.UID = "another"
				b.event(again)
			},
			want:           counts{orders: 1, versions: 1, transitions: 1, events: 2},
			wantDifference: "2 Events, want 1",
		},
		"told twice, by the Event's count": {
			write: func(b book) {
				b.shows(1, open("a", 1))
				e := eventsOf(1, open("a", 1))[0]
				e.Series = &eventsv1.EventSeries{Count: 2}
				b.event(e)
			},
			want:           counts{orders: 1, versions: 1, transitions: 1, events: 2},
			wantDifference: "2 Events, want 1",
		},
		"told while the watch was interrupted": {
			write: func(b book) {
				b.shows(1)
				b.interrupted(after(10))
				b.tells(12, closed("a", -700, 12))
				b.shows(20)
			},
			want: counts{orders: 1, versions: 2, events: 1, unseen: 1},
		},
		"told after the interruption": {
			write: func(b book) {
				b.shows(1)
				b.interrupted(after(10))
				b.shows(20)
				b.tells(22, closed("a", -700, 22))
			},
			want:           counts{orders: 1, versions: 2, events: 1},
			wantDifference: "1 Event, want none",
		},
		"told while the watch was interrupted that went on where it had ended": {
			write: func(b book) {
				b.shows(1)
				b.interrupted(after(10))
				b.tells(12, closed("a", -700, 12))
				b.resumed()
				b.shows(20)
			},
			want:           counts{orders: 1, versions: 2, events: 1},
			wantDifference: "1 Event, want none",
		},
		"an Event of another program": {
			write: func(b book) { b.event(&eventsv1.Event{Reason: "Evicted", Regarding: corev1.ObjectReference{UID: "a"}}) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := book{t, newLedger()}
			test.write(b)
			have, differences := b.compare()
			if diff := cmp.Diff(test.want, have, cmp.AllowUnexported(counts{})); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
			all := strings.Join(differences, "\n")
			if (test.wantDifference == "") != (all == "") || !strings.Contains(all, test.wantDifference) || len(differences) > 1 {
				t.Errorf("differences %q, want %q", all, test.wantDifference)
			}
		})
	}
}
