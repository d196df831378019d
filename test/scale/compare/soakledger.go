package compare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/status"
)

// transition is one thing that an order begins to say, and that one Event tells: a critical pod came to the front of a killer's
// order, or left it, or the wrong victim is predicted.
type transition struct {
	reason string
	// uid of the pod; of the order where the wrong victim is predicted, which has no killer.
	uid    types.UID
	killer string // in lower case, as Events have it
	// at is when it happened, in seconds since 1970.
	at int64
}

func (t transition) String() string {
	return fmt.Sprintf("%s %s %s of %s", t.reason, t.uid, t.killer, time.Unix(t.at, 0).UTC().Format(time.TimeOnly))
}

// said is a transition that some version of an order has shown.
type said struct {
	node, subject string
	// shown is when a version showed it first, gone when a version did not show it any more; zero while it is shown.
	shown, gone time.Time
}

// slack is how much earlier a write may have been decided than the watch shows it.
const slack = 5 * time.Second

// ledger holds what orders said and what Events told, and compares the two. The rule:
//
// Each transition that a version of an order shows has one Event, and each Event has such a transition. There are two exceptions, both
// counted. A transition may have no Event if no order shows it any more and, while one did, an operator or the API server was
// killed: Events follow from the orders, so nobody can tell later what was to be told. And a transition may be unknown if it
// happened while the watch of orders was interrupted: versions that were replaced meanwhile are never seen.
type ledger struct {
	mu sync.Mutex
	// now is what each order says, by node.
	now  map[string]map[transition]bool
	said map[transition]*said
	// told has how often each transition was told, by the Event's UID.
	told map[transition]map[types.UID]int
	// kills are the times at which an operator or the API server was killed.
	kills []time.Time
	// blind are the times from which the watch of orders showed nothing, and when it went on; zero while it does not.
	blind [][2]time.Time
	// versions of orders that the watch has shown.
	versions int
}

func newLedger() *ledger {
	return &ledger{
		now: map[string]map[transition]bool{}, said: map[transition]*said{}, told: map[transition]map[types.UID]int{},
		blind: [][2]time.Time{{}},
	}
}

// killed notes that an operator or the API server is being killed.
func (l *ledger) killed(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kills = append(l.kills, now)
}

// interrupted notes that the watch of orders has ended.
func (l *ledger) interrupted(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := &l.blind[len(l.blind)-1]; !last[1].IsZero() {
		l.blind = append(l.blind, [2]time.Time{now})
	}
}

// resumed notes that the watch of orders has gone on where it had ended: it has shown all versions.
func (l *ledger) resumed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := len(l.blind) - 1; last > 0 && l.blind[last][1].IsZero() {
		l.blind = l.blind[:last]
	}
}

// order notes a version of an order, or its deletion.
func (l *ledger) order(kind string, o *order, now time.Time) error {
	says, err := transitionsOf(o)
	if err != nil {
		return err
	}
	if kind == "DELETED" {
		says = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := &l.blind[len(l.blind)-1]; last[1].IsZero() {
		last[1] = now
	}
	l.versions++
	node := o.Metadata.Name
	for t := range l.now[node] {
		if says[t] == nil {
			l.said[t].gone = now
		}
	}
	if l.now[node] = map[transition]bool{}; kind == "DELETED" {
		delete(l.now, node)
	}
	for t, s := range says {
		l.now[node][t] = true
		if l.said[t] == nil {
			s.shown, l.said[t] = now, s
		}
		l.said[t].gone = time.Time{}
	}
	return nil
}

// transitionsOf a version of an order: those that Events tell of.
func transitionsOf(o *order) (map[transition]*said, error) {
	all := map[transition]*said{}
	if !o.written() {
		return all, nil
	}
	var s v1alpha1.NodeKillOrderStatus
	if err := json.Unmarshal(o.Status, &s); err != nil {
		return nil, fmt.Errorf("order of %s: %w", o.Metadata.Name, err)
	}
	for i := range s.AtRisk {
		e := &s.AtRisk[i]
		t := transition{status.EventCriticalPodAtRisk, e.UID, strings.ToLower(string(e.Killer)), e.Since.Unix()}
		all[t] = &said{node: o.Metadata.Name, subject: e.Namespace + "/" + e.Pod}
		if e.Until != nil {
			t.reason, t.at = status.EventCriticalPodSafe, e.Until.Unix()
			all[t] = &said{node: o.Metadata.Name, subject: e.Namespace + "/" + e.Pod}
		}
	}
	if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionWrongVictim); c != nil && c.Status == metav1.ConditionTrue {
		t := transition{reason: status.EventWrongVictimPredicted, uid: o.Metadata.UID, at: c.LastTransitionTime.Unix()}
		all[t] = &said{node: o.Metadata.Name, subject: c.Message}
	}
	return all, nil
}

// event notes an Event of the operator.
func (l *ledger) event(e *eventsv1.Event) {
	if !strings.HasPrefix(e.ReportingController, "killorder.io/") {
		return
	}
	t := transition{e.Reason, e.Regarding.UID, "", e.EventTime.Unix()}
	if parts := strings.Split(e.Name, "."); len(parts) == 4 { // reason, UID, killer, time
		t.killer = parts[2]
	}
	count := max(1, int(e.DeprecatedCount))
	if e.Series != nil {
		count = max(count, int(e.Series.Count))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told[t] == nil {
		l.told[t] = map[types.UID]int{}
	}
	l.told[t][e.UID] = count
}

// counts are what a ledger has counted.
type counts struct {
	// orders that there are, and versions of orders that there were.
	orders, versions    int
	transitions, events int
	// excused transitions have no Event, and unseen Events no transition, by the two exceptions.
	excused, unseen int
}

// compare returns the counts, and the differences: a line for each.
func (l *ledger) compare() (n counts, differences []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n.orders, n.versions, n.transitions = len(l.now), l.versions, len(l.said)
	for t, s := range l.said {
		switch {
		case len(l.told[t]) > 0:
		case l.isExcused(s):
			n.excused++
		default:
			differences = append(differences, fmt.Sprintf("no Event, want 1: %s, %s on %s, shown %s, gone %s",
				t, s.subject, s.node, clock(s.shown), clock(s.gone)))
		}
	}
	for t, by := range l.told {
		times := 0
		for _, count := range by {
			times += count
		}
		n.events += times
		switch {
		case times > 1:
			differences = append(differences, fmt.Sprintf("%d Events, want 1: %s", times, t))
		case l.said[t] == nil && l.isUnseen(t):
			n.unseen++
		case l.said[t] == nil:
			differences = append(differences, fmt.Sprintf("1 Event, want none: no order showed %s", t))
		}
	}
	slices.Sort(differences)
	return n, differences
}

func (l *ledger) isExcused(s *said) bool {
	return !s.gone.IsZero() && slices.ContainsFunc(l.kills, func(at time.Time) bool {
		return at.After(s.shown.Add(-slack)) && at.Before(s.gone)
	})
}

func (l *ledger) isUnseen(t transition) bool {
	at := time.Unix(t.at, 0)
	return slices.ContainsFunc(l.blind[1:], func(b [2]time.Time) bool {
		return at.After(b[0].Add(-slack)) && (b[1].IsZero() || at.Before(b[1]))
	})
}

// allTold reports whether all that a node's order shows has its Event. That is not so while the watch of orders is interrupted:
// nobody knows then what the order shows.
func (l *ledger) allTold(node string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.blind[len(l.blind)-1][1].IsZero() {
		return false
	}
	for t := range l.now[node] {
		if len(l.told[t]) == 0 {
			return false
		}
	}
	return true
}

// quiet reports whether no critical pod is at risk by a node's order, and whether all that the order shows has its Event.
func (l *ledger) quiet(node string) bool {
	if !l.allTold(node) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	open := map[transition]int{}
	for t := range l.now[node] {
		of := transition{uid: t.uid, killer: t.killer}
		switch t.reason {
		case status.EventCriticalPodAtRisk:
			open[of]++
		case status.EventCriticalPodSafe:
			open[of]--
		}
	}
	for _, n := range open {
		if n > 0 {
			return false
		}
	}
	return true
}

// clock is a time of the day, for people.
func clock(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format(time.TimeOnly)
}
