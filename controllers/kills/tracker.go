package kills

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/podcache"
)

// Tracker hears of the ends of pods and of Events, judges them, and notes kills in the Book. Pods and Events come from
// goroutines of their own, so a Tracker has a lock; judging takes microseconds.
type Tracker struct {
	Book *Book
	// Pods of a node as the cache has them, before the change that the Tracker is told of.
	Pods func(node string) []*facts.Pod
	// Node returns the Node of a name, nil if there is none, and its kubelet's configuration, nil if that is not known.
	Node  func(name string) (*corev1.Node, *facts.KubeletConfig)
	Usage facts.Readings
	// Policy says which pods are critical, Namespace has a namespace's labels.
	Policy    func() *extract.Policy
	Namespace func(name string) labels.Labels
	Clock     clock.PassiveClock

	mu      sync.Mutex
	ledger  *forensics.Ledger
	omitted forensics.Omitted
	looked  time.Time // when Nodes were last read again
}

// See takes a state of a pod from the watch. A tombstone (the pod is gone, and nobody saw its last state) tells nothing of the pod's
// end; an Event may tell.
func (t *Tracker) See(s podcache.Sighting) {
	if s.Pod == nil || forensics.Healthy(s.Pod, s.Deleted) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.open()
	t.take(l.SetNode(t.nodeOf(s.Pod.Spec.NodeName)), nil)
	sighting := forensics.Sighting{Pod: s.Pod, Gone: s.Deleted, Seen: t.Clock.Now()}
	pod := s.Before
	if pod == nil {
		pod = extract.Pod(s.Pod)
	}
	if w := pod.Workload; w.Kind != "" {
		sighting.Workload = w.Kind + "/" + w.Name
	}
	sighting.Readings = func(container string) *forensics.Readings { return t.readings(pod, container) }
	sighting.Adj = func(container string) *int { return t.adj(pod, container) }
	t.take(l.See(sighting), pod)
}

// Hear takes an Event.
func (t *Tracker) Hear(e forensics.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.open()
	if e.Kind == "Node" {
		t.take(l.SetNode(t.nodeOf(e.Name)), nil)
	}
	t.take(l.Hear(e, t.Clock.Now()), nil)
}

const (
	// settleInterval is how often what waits is judged, and lookAgain how often Nodes are read again: at an operator's start
	// pods are seen before their Nodes and kubelets are known.
	settleInterval = time.Second
	lookAgain      = 10 * settleInterval
)

// NeedLeaderElection is false: a replica that stands by knows what happened before it leads.
func (*Tracker) NeedLeaderElection() bool { return false }

// Start judges what waits for it, until the context ends.
func (t *Tracker) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, func(context.Context) { t.Step() }, settleInterval)
	return nil
}

// Step judges what waits: deaths of a burst, and those whose node became better known.
func (t *Tracker) Step() {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, now := t.open(), t.Clock.Now()
	t.take(l.Settle(now), nil)
	if now.Sub(t.looked) < lookAgain {
		return
	}
	t.looked = now
	for _, name := range l.Nodes() {
		t.take(l.SetNode(t.nodeOf(name)), nil)
	}
}

// open returns the ledger. It begins now: the first list brings the Events of the last hour and no older ones, so a missing Event
// proves something only about what happens from now on.
func (t *Tracker) open() *forensics.Ledger {
	if t.ledger == nil {
		t.ledger = forensics.NewLedger(t.Clock.Now())
	}
	return t.ledger
}

// take notes what was judged. Seen is the pod that the judgement began with, nil for an Event.
func (t *Tracker) take(changes []forensics.Change, seen *facts.Pod) {
	for i := range changes {
		t.Book.Take(&changes[i], t.victim(&changes[i].Record, seen))
	}
	if o := t.ledger.Omitted(); o != t.omitted {
		t.Book.Metrics.omitted(leftOutDeath, o.Deaths+o.Pods-t.omitted.Deaths-t.omitted.Pods)
		t.omitted = o
	}
}

// victim is what the pod that was killed was to its owner; unknown if neither the watch nor the cache has the pod.
func (t *Tracker) victim(r *forensics.Record, seen *facts.Pod) Victim {
	pod := seen
	if pod == nil || pod.UID != r.UID {
		pod = nil
		for _, p := range t.Pods(r.Node) {
			if p.UID == r.UID {
				pod = p
			}
		}
	}
	if pod == nil {
		return Victim{}
	}
	return Victim{
		QOS: pod.QOS.String(), Workload: pod.Workload,
		Critical: t.Policy().Critical(pod, t.Namespace(pod.Namespace)),
	}
}

func (t *Tracker) nodeOf(name string) forensics.Node {
	node, config := t.Node(name)
	if node == nil {
		return forensics.Node{Name: name}
	}
	return forensics.NodeOf(node, nil, config)
}

// readings of a container of the pod, of the pod and of its node, as last read; nil if there are none.
func (t *Tracker) readings(pod *facts.Pod, container string) *forensics.Readings {
	r := forensics.NoReadings
	if node, ok := t.Usage.Node(pod.Node); ok {
		r.At, r.Node, r.Pods, r.Available = node.ObservedAt, node.WorkingSet, node.PodsWorkingSet, node.Available
	}
	reading, ok := t.Usage.Pod(pod.Namespace, pod.Name)
	if !ok {
		if r.At.IsZero() {
			return nil
		}
		return &r
	}
	r.At, r.Pod = oldest(r.At, reading.ObservedAt), reading.WorkingSet
	for i := range reading.Containers {
		if c := &reading.Containers[i]; c.Name == container {
			r.Container = c.WorkingSet
		}
	}
	return &r
}

// oldest of two times, of which the first may be zero.
func oldest(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return earlier(a, b)
}

// adj is the oom_score_adj that the container was started with, nil if that cannot be computed.
func (t *Tracker) adj(pod *facts.Pod, container string) *int {
	node, _ := t.Node(pod.Node)
	if node == nil {
		return nil
	}
	for i := range pod.Containers {
		if pod.Containers[i].Name != container {
			continue
		}
		adj, err := oom.ScoreAdj(pod, i, extract.Node(node).Capacity)
		if err != nil {
			return nil
		}
		return new(int(adj))
	}
	return nil
}
