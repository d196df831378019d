package kills

import (
	"slices"
	"time"

	"github.com/killorder/killorder/internal/status"
)

const (
	// awayFor is how long the page of a node that is gone is kept at most, whatever of the page is still to be done.
	awayFor = time.Hour
	// standbyFor is how long a process that stands by holds a kill. The leader publishes and counts a kill within seconds,
	// and a new leader follows an old one within seconds, so the leader has counted any older kill.
	standbyFor = time.Hour
)

// Forget puts away the page of a node that is gone. The node's kills are still counted and told, though no order shows them.
func (b *Book) Forget(node string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[node]
	if p == nil {
		return
	}
	delete(b.pages, node)
	if len(p.entries)+len(p.remembered) == 0 {
		return
	}
	p.left, p.predictions = b.Clock.Now(), nil
	b.gone = append(b.gone, p)
}

// putAway returns the page, among those put away for a node, that knows a kill; nil if none does. A death that is judged
// better after its node has gone is still the same kill.
func (b *Book) putAway(node string, key status.KillKey) *page {
	i := slices.IndexFunc(b.gone, func(p *page) bool {
		_, remembered := p.remembered[key]
		return p.node == node && (remembered || p.entries[key] != nil)
	})
	if i < 0 {
		return nil
	}
	return b.gone[i]
}

// pageOf returns the page on which a kill stands, or is to stand.
func (b *Book) pageOf(node string, key status.KillKey) *page {
	if p := b.putAway(node, key); p != nil {
		return p
	}
	return b.page(node)
}

// allPages returns the pages of all nodes, and those of nodes that are gone.
func (b *Book) allPages() []*page {
	all := make([]*page, 0, len(b.pages)+len(b.gone))
	for _, p := range b.pages {
		all = append(all, p)
	}
	return append(all, b.gone...)
}

// throwAway drops the pages put away that are done: their kills are counted and told, and none is judged anew.
func (b *Book) throwAway(now time.Time) {
	b.gone = slices.DeleteFunc(b.gone, func(p *page) bool {
		age := now.Sub(p.left)
		return age >= awayFor || (age >= heldFor && p.done())
	})
}

func (p *page) done() bool {
	for _, e := range p.entries {
		if !e.withdrawn && (!e.counted || !e.told) {
			return false
		}
	}
	return true
}

// tidy forgets old kills in a process that stands by: the leader has counted these kills, and nobody tells a process that stands by
// which nodes are gone.
func (b *Book) tidy() {
	now := b.Clock.Now()
	if !b.firstStatus.IsZero() || b.counts != nil || now.Sub(b.tidied) < time.Minute {
		return
	}
	b.tidied = now
	for node, p := range b.pages {
		for key, e := range p.entries {
			if now.Sub(e.seen) > standbyFor {
				delete(p.entries, key)
			}
		}
		if len(p.entries) == 0 {
			delete(b.pages, node)
		}
	}
}
