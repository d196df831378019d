package forensics

import (
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
)

// Bounds of what a Ledger holds. What goes first is the oldest.
const (
	maxBooks       = 20000            // pods with something to remember
	maxPodEvents   = 24               // Events of one pod
	maxNodeEvents  = 64               // Events of one node
	maxNodeDeaths  = 128              // deaths of one node that may still be judged better
	maxPodEntries  = 32               // deaths of one pod alike
	judgedFor      = 15 * time.Minute // how long a death may be judged anew
	remembered     = 75 * time.Minute // how long a pod that is gone is remembered: longer than its Events live
	neighbourhood  = 2 * Together     // a new trace may change the judgement of deaths this near
	maxTerminating = 64               // containers remembered as running when the deletion came
	quietFor       = 24 * time.Hour   // how long the facts of a node without deaths are remembered
	fewDeaths      = 8                // so many deaths of one node are judged anew with each new trace
	spacing        = time.Second      // and more of them at most once in so long
)

// Ledger judges deaths over a watch of Pods and Events, which may come in any order, more than once, or not at all.
// Each death is told once (a Change without Was), and again only if its judgement became another one. While many die on
// one node, the others are judged anew once a second; call Settle each second for the last of them. A Ledger holds
// nothing of a healthy pod. Times come in with what is seen; it has no clock and is for one goroutine.
//
// A Ledger forgets with its process: whoever begins with a new one must know which deaths were told before.
type Ledger struct {
	books   map[string]*podBook
	nodes   map[string]*nodeBook
	spacing time.Duration
	since   time.Time
	now     time.Time // the latest time that came in
	pruned  time.Time
	omitted Omitted
}

// Omitted counts what did not fit a Ledger's bounds. Nothing that was told is among it.
type Omitted struct {
	// Deaths shown by one object beyond the bound, Events beyond theirs, and pods forgotten before their time.
	Deaths, Events, Pods int
}

// Change is a death told first, or told better.
type Change struct {
	Record Record
	// Was are the earlier records that this one replaces: none for a death told first; several if the deaths of a pod's
	// containers turn out to be one death of the pod. Count a kill where no record in Was is a kill.
	Was []Record
}

// Sighting is one state of a Pod as a watch shows it.
type Sighting struct {
	Pod *corev1.Pod
	// Gone: the object is deleted, and this was its last state.
	Gone bool
	// Seen is when we saw it.
	Seen time.Time
	// Workload is kind/name of what controls the pod.
	Workload string
	// Readings returns the last readings of one of the pod's containers, nil if there are none, Adj its computed
	// oom_score_adj. Both are asked for new deaths only, and may be nil.
	Readings func(container string) *Readings
	Adj      func(container string) *int
}

// podBook is what is remembered of one pod.
type podBook struct {
	node        string
	version     uint64 // resourceVersion last seen
	seen, gone  bool   // the object was seen; is gone
	touched     time.Time
	events      []Event
	terminating map[string]bool // containers that ran when the deletion came
	deletionAt  time.Time       // of the deletion as first asked for
	grace       int64
	died        map[string]int32 // deaths counted by the status, by container
	entries     map[Key]*entry
	told        map[Key]bool   // deaths that are judged for good
	records     map[Key]Record // what was last said of a death
}

// entry is a death under judgement.
type entry struct {
	death    Death
	seen     time.Time
	workload string
	readings *Readings
	adj      *int
}

// nodeBook is what is remembered of one node.
type nodeBook struct {
	info   Node
	events []Event
	deaths []*entry
	// around is what the judgements of all deaths begin with, nil where events or deaths have changed since.
	around *arrangement
	// judged is when many deaths of the node were judged anew last; from and to are the times of news since, which wait.
	judged   time.Time
	waiting  bool
	from, to time.Time
	// quiet is since when the node has neither deaths nor Events.
	quiet time.Time
}

// NewLedger returns an empty Ledger. Events are complete from since on (an API server keeps them for an hour), so that
// the lack of one says something; zero: they are not.
func NewLedger(since time.Time) *Ledger {
	return &Ledger{books: map[string]*podBook{}, nodes: map[string]*nodeBook{}, spacing: spacing, since: since}
}

// Omitted returns what did not fit so far.
func (l *Ledger) Omitted() Omitted { return l.omitted }

// SetNode takes what is known of a node, and judges the node's deaths anew if something of that is new. What n does not know
// stays as it was: a node may be gone, or its kubelet silent.
func (l *Ledger) SetNode(n Node) []Change {
	info := &l.node(n.Name).info
	if n.Capacity == 0 && info.Capacity > 0 {
		return nil
	}
	if n.CgroupV1 != facts.StateTrue && info.CgroupV1 == facts.StateTrue {
		n.CgroupV1 = facts.StateTrue // the Event of it may be long gone
	}
	if n.Config == nil || (info.Config != nil && reflect.DeepEqual(n.Config, info.Config)) {
		n.Config = info.Config
	}
	if *info == n {
		return nil
	}
	*info = n
	return l.judgeNear(n.Name, nil, time.Time{}, l.now)
}

// Nodes returns the names of the nodes with deaths that may still be judged anew.
func (l *Ledger) Nodes() (names []string) {
	for name, n := range l.nodes {
		if len(n.deaths) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// See judges what a Pod shows.
func (l *Ledger) See(s Sighting) []Change {
	if s.Pod == nil || s.Pod.UID == "" {
		return nil
	}
	l.tick(s.Seen)
	uid := cut(string(s.Pod.UID))
	b := l.books[uid]
	if b == nil && Healthy(s.Pod, s.Gone) {
		return nil
	}
	if b == nil {
		b = l.book(uid, cut(s.Pod.Spec.NodeName))
	}
	if !b.newer(s.Pod.ResourceVersion, s.Gone) {
		return nil
	}
	b.node, b.touched, b.seen, b.gone = cut(s.Pod.Spec.NodeName), l.now, true, b.gone || s.Gone
	deaths, omitted := Deaths(s.Pod, s.Gone)
	b.remember(s.Pod)
	l.omitted.Deaths += omitted
	news := l.enter(b, &s, deaths)
	b.forgetTold(deaths)
	return l.judge(b, news)
}

// Healthy reports whether a Pod shows no death that a Ledger would remember, as most pods do. gone: the object is its last one.
func Healthy(pod *corev1.Pod, gone bool) bool {
	if pod.DeletionTimestamp != nil || gone || pod.Status.Reason != "" || disruption(pod) != nil {
		return false
	}
	for s := range statuses(pod) {
		if s.RestartCount > 0 || s.LastTerminationState.Terminated != nil || bad(s.State.Terminated) {
			return false
		}
	}
	return true
}

func bad(t *corev1.ContainerStateTerminated) bool {
	return t != nil && (t.ExitCode != 0 || oomWord(t.Reason))
}

// enter makes entries of the deaths that are new and brings the others up to date. It returns the times of those
// that are new, or better known.
func (l *Ledger) enter(b *podBook, s *Sighting, deaths []Death) (news []time.Time) {
	var fresh []*entry
	for i := range deaths {
		d := &deaths[i]
		d.Terminating = b.terminating[d.ContainerID] && d.ContainerID != ""
		if b.grace > 0 && d.Victim.DeletionGrace == 0 {
			d.Victim.DeletionAt, d.Victim.DeletionGrace = b.deletionAt, b.grace
		}
		switch e := b.entries[d.Key]; {
		case e != nil:
			if e.death.update(d) {
				l.node(b.node).around = nil
				news = append(news, d.Time)
			}
		case b.told[d.Key] || !d.suspicious():
			continue
		case len(b.entries)+len(fresh) >= maxPodEntries:
			l.omitted.Deaths++
			continue
		default:
			fresh = append(fresh, s.entry(d, l.now))
			news = append(news, d.Time)
		}
	}
	b.missed(fresh)
	for _, e := range fresh {
		l.add(b, e)
	}
	b.count(s.Pod)
	return news
}

func (s *Sighting) entry(d *Death, now time.Time) *entry {
	e := &entry{death: *d, seen: now, workload: cut(s.Workload)}
	if s.Readings != nil {
		e.readings = s.Readings(d.Container)
	}
	if s.Adj != nil {
		e.adj = s.Adj(d.Container)
	}
	return e
}

// Hear judges by an Event.
func (l *Ledger) Hear(e Event, seen time.Time) []Change {
	l.tick(seen)
	switch {
	case e.ours():
		return nil
	case e.Kind == "Node" && e.ofNode():
		n := l.node(e.Name)
		if e.Reason == "CgroupV1" {
			n.info.CgroupV1 = facts.StateTrue
		}
		l.omitted.Events += keep(&n.events, e, maxNodeEvents)
		n.around = nil
		return l.judgeNear(e.Name, nil, e.First, e.Last)
	case e.Kind == "Pod" && e.UID != "" && e.ofPod():
		b := l.books[e.UID]
		d, alone := FromEvent(e)
		if b == nil {
			b = l.book(e.UID, e.Host)
			b.touched = l.now
		}
		l.omitted.Events += keep(&b.events, e, maxPodEvents)
		if alone && !b.knows(&d) {
			l.add(b, &entry{death: d, seen: l.now})
		}
		return l.judge(b, []time.Time{e.Last})
	}
	return nil
}

// ofNode and ofPod tell the Events that a judgement may need.
func (e *Event) ofNode() bool {
	switch e.Reason {
	case "Rebooted", "EvictionThresholdMet", "NodeHasInsufficientMemory", "CgroupV1":
		return true
	}
	return e.oomEvent()
}

func (e *Event) ofPod() bool {
	switch e.Reason {
	case "Evicted", "ExceededGracePeriod", "Preempting", "Preempted", "Killing", "Unhealthy", "SandboxChanged",
		"TaintManagerEviction", "DeviceTaintManagerEviction":
		return true
	}
	return e.oomEvent() || strings.HasPrefix(e.Reason, "OutOf")
}
