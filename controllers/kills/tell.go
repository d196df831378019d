package kills

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/status"
)

const (
	// settled is how long traces of a death may trickle in before the kill is counted and told. A kill whose traces allow
	// nothing else is told at once.
	settled = forensics.Settle
	// toldUntil is how long after a kill was seen its Event may still be created; an API server keeps Events for an hour.
	toldUntil = 10 * time.Minute
	// heldFor is how long an entry that is done is held: its cause may become better known.
	heldFor = 20 * time.Minute
	// firstCount is how long after this process knew a first status nothing is counted: Prometheus must have seen the counters at
	// 0, since a counter that appears with its first kill has no increase.
	firstCount = 70 * time.Second
	// unpublishedFor is how long a kill waits for its NodeKillOrder to be written before the kill is counted anyway: the
	// node may have no Node object.
	unpublishedFor = 10 * time.Minute
)

// Count counts the kills that are published and settled, and drops what is done. It does nothing until the counts of
// earlier processes are known, and for the first minute.
func (b *Book) Count() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Clock.Now()
	if b.counts == nil {
		b.throwAway(now) // a leader that cannot read the policy never counts
		return
	}
	if !b.counting(now) {
		return
	}
	for _, p := range b.allPages() {
		for key, e := range p.entries {
			age := now.Sub(e.seen)
			if ((e.published || !p.left.IsZero()) && age >= settled) || age >= unpublishedFor {
				b.count(p, e)
			}
			if e.counted && e.told && age >= heldFor {
				p.drop(key, e)
			}
		}
	}
	b.throwAway(now)
}

// counting reports whether this process counts kills by now.
func (b *Book) counting(now time.Time) bool {
	return b.counts != nil && !b.firstStatus.IsZero() && now.Sub(b.firstStatus) >= firstCount
}

// count counts a kill once: in this process, and not if an earlier one has counted it.
func (b *Book) count(p *page, e *entry) {
	if e.counted || e.withdrawn || b.counts == nil {
		return
	}
	e.counted = true
	if b.countedBefore(p, e) || e.stale() {
		return
	}
	b.counts.Add(&e.kill)
	if e.restored && e.kill.SeenAt.Add(settled).Before(b.firstStatus) {
		return // the earlier process has counted the kill in its metrics, and did not come to write the policy
	}
	b.Metrics.killed(&e.kill, e.qos)
}

// stale reports whether the kill was found so late that nobody needs to hear of it.
func (e *entry) stale() bool { return e.seen.Sub(e.kill.Time.Time) > oldNews }

// countedBefore reports whether an earlier process has counted the kill in the policy's status. b.until is the time up to
// which that status has all kills.
//   - A kill that this process found in a published status was counted if an earlier process saw the kill by then.
//   - A kill that happened, and was seen, after this process knew a status was counted by nobody else.
//   - Any other kill was counted if it is no newer than p.floor (the status was full, and may have dropped it), if it happened
//     more than skew before b.until, or if it was seen more than settled before b.until.
func (b *Book) countedBefore(p *page, e *entry) bool {
	if e.restored {
		return !e.kill.SeenAt.After(b.until)
	}
	at := e.kill.Time.Time
	if !b.firstStatus.IsZero() && !at.Before(b.firstStatus) && !e.seen.Before(b.firstStatus) {
		return false
	}
	return !at.After(p.floor) || at.Before(b.until.Add(-skew)) || e.seen.Before(b.until.Add(-settled))
}

// Load takes the counts that the policy has from earlier processes, once: nil if there was none.
func (b *Book) Load(h *v1alpha1.KillHistory) {
	b.mu.Lock()
	var nodes []string
	if b.counts == nil {
		b.counts = status.KillCountsOf(h)
		if h != nil {
			b.until = h.Until.Time
		}
		nodes = slices.Sorted(maps.Keys(b.pages))
	}
	b.mu.Unlock()
	for _, node := range nodes {
		b.Changed(node) // what was found while this process stood by, perhaps on a node that is gone
	}
}

// RollUp writes the kills and predictions of the cluster into the policy's status, once the counts are loaded.
func (b *Book) RollUp(s *v1alpha1.KillOrderPolicyStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts == nil {
		return
	}
	now := b.Clock.Now()
	b.counts.Publish(s, b.countedUntil(now), now)
}

// countedUntil is the time up to which all kills that were seen are counted. The time never moves back behind the one that an
// earlier process has written.
func (b *Book) countedUntil(now time.Time) time.Time {
	until := now
	for _, p := range b.allPages() {
		for _, e := range p.entries {
			if !e.counted && !e.withdrawn {
				until = earlier(until, e.kill.SeenAt.Add(-time.Second))
			}
		}
	}
	if until.Before(b.until) {
		return b.until
	}
	return until
}

// Incident is the kills of one pod within the same seconds: one Event tells of them.
type Incident struct {
	Node  string
	Kills []v1alpha1.Kill // newest first
	// Others are kills of other pods on the node within the same seconds.
	Others int

	page *page
	// failed is how often telling of the newest kill has failed.
	failed int
}

// ToTell returns the incidents that are published and not told yet: first those whose telling failed the least often, of these the
// oldest.
func (b *Book) ToTell() []Incident {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts == nil {
		return nil // what an earlier process has told of is not known yet
	}
	var all []Incident
	for _, p := range b.allPages() {
		all = append(all, b.incidents(p)...)
	}
	slices.SortFunc(all, func(x, y Incident) int {
		a, b := &x.Kills[0], &y.Kills[0]
		return cmp.Or(cmp.Compare(x.failed, y.failed), a.SeenAt.Compare(b.SeenAt.Time), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.UID, b.UID), a.Time.Compare(b.Time.Time))
	})
	return all
}

// incidents of one node, of which none waits for more traces.
func (b *Book) incidents(p *page) (all []Incident) {
	now := b.Clock.Now()
	byPod := map[string][]v1alpha1.Kill{}
	for key, e := range p.entries {
		if b.tellable(p, e, now) {
			byPod[key.UID] = append(byPod[key.UID], e.kill)
		}
	}
	for _, kills := range byPod {
		slices.SortFunc(kills, func(x, y v1alpha1.Kill) int {
			return cmp.Or(y.Time.Compare(x.Time.Time), cmp.Compare(x.Container, y.Container), cmp.Compare(x.ContainerID, y.ContainerID))
		})
		for len(kills) > 0 {
			n := 1
			for n < len(kills) && kills[n-1].Time.Sub(kills[n].Time.Time) <= forensics.Together {
				n++
			}
			in := Incident{Node: p.node, Kills: kills[:n:n], Others: p.others(&kills[0]), page: p}
			in.failed = p.entries[status.KeyOfKill(&kills[0])].failed
			if p.ripe(&in, now) {
				all = append(all, in)
			}
			kills = kills[n:]
		}
	}
	return all
}

// tellable reports whether an Event about the kill is due. A kill that an earlier process has published is told again
// under the same name, which is no second Event.
func (b *Book) tellable(p *page, e *entry, now time.Time) bool {
	switch {
	case e.told || e.withdrawn || (!e.published && p.left.IsZero()):
		return false
	case e.stale() || (!e.restored && b.countedBefore(p, e)):
		e.told = true
		return false
	case now.Sub(e.seen) > toldUntil:
		e.told = true
		if !e.restored {
			b.Metrics.omitted(leftOutEvent, 1)
		}
		return false
	}
	return true
}

// ripe reports whether the incident can be told: each of its kills is certain, or is old enough that no more traces will come.
func (p *page) ripe(in *Incident, now time.Time) bool {
	for i := range in.Kills {
		k := &in.Kills[i]
		if e := p.entries[status.KeyOfKill(k)]; k.Confidence != v1alpha1.ConfidenceHigh && now.Sub(e.seen) < settled {
			return false
		}
	}
	return true
}

// others counts the kills of other pods of the node around a kill.
func (p *page) others(k *v1alpha1.Kill) (n int) {
	for _, e := range p.entries {
		if e.kill.UID != k.UID && !e.withdrawn && e.kill.Time.Sub(k.Time.Time).Abs() <= forensics.Together {
			n++
		}
	}
	return n
}

// Failed notes that telling of an incident failed.
func (b *Book) Failed(in *Incident) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range in.Kills {
		if e := in.page.entries[status.KeyOfKill(&in.Kills[i])]; e != nil {
			e.failed++
		}
	}
}

// Told marks an incident as told.
func (b *Book) Told(in *Incident) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range in.Kills {
		if e := in.page.entries[status.KeyOfKill(&in.Kills[i])]; e != nil {
			e.told = true
		}
	}
}
