package kills

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/packed"
	"github.com/killorder/killorder/internal/status"
)

const (
	// maxEntries are the kills of one node that a process that counts holds, maxRemembered those whose keys are known.
	maxEntries    = 64
	maxRemembered = 1024
	// maxPredictions of one node are kept to compare a kill with: kubelets report a death within seconds, and a status
	// is written at most every 30 seconds unless something happens.
	maxPredictions = 4
	// skew is how far the clocks of nodes and operator may differ.
	skew = 10 * time.Minute
	// oldNews: a kill that is found this long after is shown, and neither counted nor told.
	oldNews = 24 * time.Hour
)

// Book is what is known of the kills on each node. The Book may be lost: the NodeKillOrders and the KillOrderPolicy hold what a new
// process needs so that it counts and tells no kill twice, and pods and Events show what happened in between.
type Book struct {
	// Changed is called with a node's name when there is something new to publish.
	Changed func(node string)
	Metrics *Metrics
	Clock   clock.PassiveClock

	mu     sync.Mutex
	pages  map[string]*page
	gone   []*page   // pages of nodes that are gone, while their kills may still be counted, told or judged better
	past   past      // what the kills of each workload say together
	tidied time.Time // when a process that stands by last forgot what is old
	// firstStatus is when this process, which leads since then, knew the first status of a node; zero before.
	firstStatus time.Time
	counts      *status.KillCounts // nil until the policy's are known
	until       time.Time          // kills seen up to then were counted by an earlier process
}

// page is the kills of one node.
type page struct {
	node        string
	left        time.Time            // when the node was found to be gone; zero while the node is there
	predictions []*status.Prediction // oldest first
	entries     map[status.KillKey]*entry
	remembered  map[status.KillKey]time.Time // kills that are counted and no longer held, by the time of death
	seeded      bool                         // what the NodeKillOrder said when this process began to lead is known
	floor       time.Time                    // kills up to then were published before this process began to lead
}

// entry is one kill.
type entry struct {
	kill v1alpha1.Kill
	qos  string
	seen time.Time
	// known are the predictions that were published when this process saw the kill. The kill is compared with the newest of them
	// that is older than the kill.
	known []*status.Prediction
	// restored: an earlier process published the kill, and compared the kill with its predictions.
	restored bool
	// withdrawn: the death turned out to be no kill.
	withdrawn                bool
	published, counted, told bool
	failed                   int // how often the creation of its Event failed
}

// Victim is what is known of a killed pod beside the death itself; the zero value is an unknown pod.
type Victim struct {
	QOS      string
	Workload facts.Workload
	Critical bool
}

// unknownQOS stands for the class of a pod that nobody saw, but for an Event.
const unknownQOS = "Unknown"

func (b *Book) page(node string) *page {
	p := b.pages[node]
	if p == nil {
		if b.pages == nil {
			b.pages = map[string]*page{}
		}
		p = &page{node: node, entries: map[status.KillKey]*entry{}, remembered: map[status.KillKey]time.Time{}}
		b.pages[node] = p
	}
	return p
}

// Take notes a death that was judged, or judged anew.
func (b *Book) Take(c *forensics.Change, v Victim) {
	r := &c.Record
	if r.Node == "" {
		return
	}
	b.mu.Lock()
	b.tidy()
	p := b.pageOf(r.Node, keyOf(r.Key))
	changed := false
	for i := range c.Was {
		if c.Was[i].Key != r.Key {
			changed = p.withdraw(keyOf(c.Was[i].Key)) || changed
			b.past.drop(workloadKey(&c.Was[i]), keyOf(c.Was[i].Key))
		}
	}
	if r.Killed() {
		b.past.keep(workloadKey(r), keyOf(r.Key), r)
		changed = b.note(p, r, v) || changed
	} else {
		b.past.drop(workloadKey(r), keyOf(r.Key))
		changed = p.withdraw(keyOf(r.Key)) || changed
	}
	changed = changed && p.left.IsZero() // the order of a node that is gone says nothing more
	b.mu.Unlock()
	if changed {
		b.Changed(r.Node)
	}
}

// note adds a kill to the page, or brings the kill up to date, and reports whether there is something to publish.
func (b *Book) note(p *page, r *forensics.Record, v Victim) bool {
	now, key := b.Clock.Now(), keyOf(r.Key)
	if _, known := p.remembered[key]; known {
		return false
	}
	e := p.entries[key]
	switch {
	case e == nil:
		e = &entry{seen: now, qos: cmp.Or(v.QOS, unknownQOS)}
		e.kill.SeenAt, e.kill.Critical, e.kill.Workload = status.Stamp(now), v.Critical, status.WorkloadRef(v.Workload)
		p.entries[key] = e
	case e.restored && sureness[v1alpha1.Confidence(r.Confidence.String())] <= sureness[e.kill.Confidence]:
		return false // an earlier process may have known Events that are gone by now
	}
	e.withdrawn = false
	describe(&e.kill, r, now)
	if !e.restored {
		e.compare(p.predictions)
	}
	b.makeRoom(p)
	return true
}

var sureness = map[v1alpha1.Confidence]int{v1alpha1.ConfidenceLow: 1, v1alpha1.ConfidenceMedium: 2, v1alpha1.ConfidenceHigh: 3}

// describe writes a judgement into the kill.
func describe(k *v1alpha1.Kill, r *forensics.Record, now time.Time) {
	key := keyOf(r.Key)
	k.Cause, k.Confidence = v1alpha1.KillCause(r.Cause), v1alpha1.Confidence(r.Confidence.String())
	k.Namespace, k.Pod, k.UID, k.Container, k.ContainerID = r.Namespace, r.Pod, types.UID(r.UID), r.Container, key.ContainerID
	k.ExitCode, k.Message = r.ExitCode, r.Message
	switch {
	case !r.Time.IsZero():
		k.Time = status.Stamp(r.Time)
	case k.Time.IsZero():
		k.Time = status.Stamp(now)
	}
}

// compare notes what was predicted of the victim. The first call keeps the predictions, because the page drops old ones. A later
// call compares again, because the cause, which says which order counts, may be better known by then.
func (e *entry) compare(predictions []*status.Prediction) {
	if e.known == nil {
		e.known = slices.Clone(predictions)
	}
	status.Compare(&e.kill, status.Before(e.known, &e.kill))
}

// withdraw marks a kill as none, and reports whether there was one.
func (p *page) withdraw(key status.KillKey) bool {
	e := p.entries[key]
	if e == nil || e.withdrawn {
		return false
	}
	e.withdrawn = true
	return true
}

// Found returns the kills that the node's NodeKillOrder is to show beside those that it shows already, and the keys of
// those that turned out to be none.
func (b *Book) Found(node string) (kills []v1alpha1.Kill, withdrawn []status.KillKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[node]
	if p == nil {
		return nil, nil
	}
	for key, e := range p.entries {
		switch {
		case e.withdrawn:
			withdrawn = append(withdrawn, key)
		default:
			if !e.restored && e.known == nil {
				e.compare(p.predictions) // found before this process knew what is published
			}
			kills = append(kills, e.kill)
		}
	}
	return status.Kills(nil, kills, nil), withdrawn
}

// AllPublished reports whether the published status shows what the book knows: each kill on the node, and no death that turned
// out to be no kill. While this is false, the reconciler must call SetPublished.
func (b *Book) AllPublished(node string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[node]
	if p == nil || !p.seeded {
		return false
	}
	for _, e := range p.entries {
		if e.withdrawn || !e.published {
			return false
		}
	}
	return true
}

// SetPublished tells the book which status the API server has of a node: the one that the NodeKillOrder had when this process
// began to lead, and each one that was written since. kept is the same status, packed.
func (b *Book) SetPublished(node string, s *v1alpha1.NodeKillOrderStatus, kept packed.Status) {
	if s == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(node)
	p.predict(s, kept)
	if b.firstStatus.IsZero() {
		b.firstStatus = b.Clock.Now()
	}
	if !p.seeded {
		b.seed(p, s.Kills)
	}
	shown := map[status.KillKey]bool{}
	for i := range s.Kills {
		shown[status.KeyOfKill(&s.Kills[i])] = true
	}
	full := len(s.Kills) == v1alpha1.MaxKills
	for key, e := range p.entries {
		switch {
		case e.withdrawn && !shown[key]:
			delete(p.entries, key)
		case shown[key], full && !e.kill.Time.After(s.Kills[len(s.Kills)-1].Time.Time):
			e.published = true // in the status, or older than all that it has room for
		}
	}
}

func (p *page) predict(s *v1alpha1.NodeKillOrderStatus, kept packed.Status) {
	if s.LastChangedAt == nil {
		return
	}
	// A prediction that seems later than the newest status was published before a clock was put back.
	p.predictions = slices.DeleteFunc(p.predictions, func(q *status.Prediction) bool { return q.PublishedAt.After(s.LastChangedAt.Time) })
	n := len(p.predictions)
	latest := status.PredictionOf(s, kept)
	if n > 0 && latest.Same(p.predictions[n-1]) {
		return
	}
	p.predictions = append(p.predictions, latest)
	if n == maxPredictions {
		p.predictions = slices.Delete(p.predictions, 0, 1)
	}
}

// seed takes in the kills that an earlier process, or another leader, has published. Those of a page that was put away are
// known already: the order of a node that is gone may be read several times before the order goes too.
func (b *Book) seed(p *page, kills []v1alpha1.Kill) {
	p.seeded = true
	now := b.Clock.Now()
	for i := range kills {
		k := kills[i]
		if b.putAway(p.node, status.KeyOfKill(&k)) != nil {
			continue
		}
		e := p.entries[status.KeyOfKill(&k)]
		if e == nil {
			e = &entry{qos: unknownQOS, kill: k}
			p.entries[status.KeyOfKill(&k)] = e
		}
		if sureness[k.Confidence] >= sureness[e.kill.Confidence] {
			e.kill = k // a death that turned out to be no kill stays withdrawn: this process saw traces that the earlier one lacked
		}
		b.past.keepPublished(p.node, &k)
		e.restored, e.seen = true, earlier(k.SeenAt.Time, now)
		e.kill.SeenAt, e.kill.Predicted, e.kill.Culprit, e.kill.WrongVictim = k.SeenAt, k.Predicted, k.Culprit, k.WrongVictim
	}
	if len(kills) == v1alpha1.MaxKills {
		p.floor = kills[len(kills)-1].Time.Time
	}
}

// makeRoom drops entries while there are too many: first those that are counted and told, then the others, each time the oldest. An
// entry that is dropped is counted, but no Event tells of it.
//
// A process that does not count yet (because it stands by, or has just begun to lead) holds more entries: it may have to count them,
// and learns from the first status of the node which of them were counted.
func (b *Book) makeRoom(p *page) {
	most := maxEntries
	if !b.counting(b.Clock.Now()) {
		most = 4 * maxEntries
	}
	for len(p.entries) > most {
		key := first(p.entries, before)
		e := p.entries[key]
		b.count(p, e)
		if !e.told && !e.withdrawn {
			b.Metrics.omitted(leftOutEvent, 1)
		}
		p.drop(key, e)
	}
}

// before orders entries by what may go first.
func before(a, b *entry) bool {
	if x, y := a.counted && a.told, b.counted && b.told; x != y {
		return x
	}
	if !a.kill.Time.Equal(&b.kill.Time) {
		return a.kill.Time.Before(&b.kill.Time)
	}
	return a.kill.UID+types.UID(a.kill.Container) < b.kill.UID+types.UID(b.kill.Container)
}

// drop forgets an entry but for its key.
func (p *page) drop(key status.KillKey, e *entry) {
	delete(p.entries, key)
	p.remembered[key] = e.kill.Time.Time
	for len(p.remembered) > maxRemembered {
		delete(p.remembered, first(p.remembered, time.Time.Before))
	}
}

// first returns the key of the entry that comes before all others, the zero key if there is no entry.
func first[K comparable, V any](all map[K]V, before func(a, b V) bool) (key K) {
	var least V
	some := false
	for k, v := range all {
		if !some || before(v, least) {
			key, least, some = k, v, true
		}
	}
	return key
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// keyOf is the key of a death as the API has it: the ID of a container without its runtime, and short.
func keyOf(k forensics.Key) status.KillKey {
	return status.KillKey{UID: k.UID, Container: k.Container, ContainerID: facts.ShortID(k.ContainerID)}
}
