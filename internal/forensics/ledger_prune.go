package forensics

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// tick moves time forward, and once a minute forgets what is old.
func (l *Ledger) tick(seen time.Time) {
	l.now = later(l.now, seen)
	if l.now.Sub(l.pruned) >= time.Minute {
		l.pruned = l.now
		l.prune()
	}
	if len(l.books) > maxBooks+maxBooks/10 {
		l.shrink()
	}
}

// prune ends the judging of old deaths and forgets pods that are gone, or of which only Events were seen.
func (l *Ledger) prune() {
	for name, n := range l.nodes {
		n.around = nil
		n.deaths = slices.DeleteFunc(n.deaths, func(e *entry) bool {
			old := l.now.Sub(e.seen) > judgedFor
			if old {
				l.close(e)
			}
			return old
		})
		n.events = slices.DeleteFunc(n.events, func(e Event) bool { return l.now.Sub(e.Last) > time.Hour })
		switch {
		case len(n.deaths)+len(n.events) > 0:
			n.quiet = l.now
		case n.quiet.IsZero() && n.info.Capacity > 0:
			n.quiet = l.now
		case n.info.Capacity == 0, l.now.Sub(n.quiet) > quietFor:
			delete(l.nodes, name)
		}
	}
	for uid, b := range l.books {
		idle := l.now.Sub(b.touched)
		if len(b.entries) == 0 && (b.gone || !b.seen) && idle > b.keptFor() {
			delete(l.books, uid)
			continue
		}
		if idle > judgedFor && len(b.entries) == 0 {
			b.events = nil
		}
		b.settle()
	}
}

// keptFor is how long a pod is remembered that is gone, or of which only Events were seen: where something was told of
// it, longer than those Events live.
func (b *podBook) keptFor() time.Duration {
	if len(b.told)+len(b.records) > 0 {
		return remembered
	}
	return judgedFor / 3
}

// settle drops the texts of what was told and will not be judged anew; the keys stay.
func (b *podBook) settle() {
	if len(b.entries) > 0 {
		return
	}
	for key := range b.records {
		set(&b.told, key, true)
	}
	b.entries, b.records = nil, nil
}

// shrink forgets the pods that were quiet for longest, those that are gone first.
func (l *Ledger) shrink() {
	uids := slices.SortedFunc(maps.Keys(l.books), func(a, b string) int {
		x, y := l.books[a], l.books[b]
		return cmp.Or(facts.TrueFirst(x.gone, y.gone), x.touched.Compare(y.touched), cmp.Compare(a, b))
	})
	for _, uid := range uids[:len(uids)-maxBooks] {
		delete(l.books, uid)
		l.omitted.Pods++
	}
}
