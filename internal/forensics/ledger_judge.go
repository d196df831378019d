package forensics

import (
	"maps"
	"slices"
	"time"
)

func (l *Ledger) book(uid, node string) *podBook {
	b := l.books[uid]
	if b == nil {
		b = &podBook{node: node}
		l.books[uid] = b
	}
	return b
}

func (l *Ledger) node(name string) *nodeBook {
	n := l.nodes[name]
	if n == nil {
		n = &nodeBook{info: Node{Name: name}}
		l.nodes[name] = n
	}
	return n
}

// add puts a death under judgement: in its pod's book and among the deaths of its node.
func (l *Ledger) add(b *podBook, e *entry) {
	set(&b.entries, e.death.Key, e)
	n := l.node(b.node)
	n.deaths = append(n.deaths, e)
	n.around = nil
	if len(n.deaths) > maxNodeDeaths {
		slices.SortStableFunc(n.deaths, compareEntries)
		l.close(n.deaths[0])
		n.deaths = slices.Delete(n.deaths, 0, 1)
	}
}

// close ends the judging of a death: what was told of it stays.
func (l *Ledger) close(e *entry) {
	if b := l.books[e.death.UID]; b != nil && b.entries[e.death.Key] == e {
		delete(b.entries, e.death.Key)
		set(&b.told, e.death.Key, true)
	}
}

// judge judges the deaths of a pod, and those on its node that its news may change. Times are those of the news.
func (l *Ledger) judge(b *podBook, news []time.Time) []Change {
	if len(news) == 0 || len(b.entries) == 0 {
		return nil
	}
	changes := l.judgePod(b)
	first, last := slices.MinFunc(news, time.Time.Compare), slices.MaxFunc(news, time.Time.Compare)
	return append(changes, l.judgeNear(b.node, b, first, last)...)
}

// judgeNear judges the deaths on a node around news from first to last, but for a pod that was judged already. While there
// are many, news wait until the spacing is over.
func (l *Ledger) judgeNear(node string, judged *podBook, first, last time.Time) (changes []Change) {
	n := l.node(node)
	many := len(n.deaths) > fewDeaths
	if n.waiting {
		first, last = earlier(first, n.from), later(last, n.to)
	}
	if many && l.now.Sub(n.judged) < l.spacing {
		n.waiting, n.from, n.to = true, first, last
		return nil
	}
	n.waiting = false
	if many {
		n.judged = l.now
	}
	for _, uid := range n.near(first, last) {
		if b := l.books[uid]; b != nil && b != judged {
			changes = append(changes, l.judgePod(b)...)
		}
	}
	return changes
}

// Settle judges what has waited. Call it each second or so, and after the last trace.
func (l *Ledger) Settle(now time.Time) (changes []Change) {
	l.tick(now)
	for _, name := range l.Nodes() {
		if n := l.nodes[name]; n.waiting {
			changes = append(changes, l.judgeNear(name, nil, n.from, n.to)...)
		}
	}
	return changes
}

// near are the pods with a death under judgement around a time, in the order of their UIDs.
func (n *nodeBook) near(first, last time.Time) (uids []string) {
	for _, e := range n.deaths {
		t := e.death.Time
		if t.IsZero() || (!t.Before(first.Add(-neighbourhood)) && !t.After(last.Add(neighbourhood))) {
			uids = append(uids, e.death.UID)
		}
	}
	slices.Sort(uids)
	return slices.Compact(uids)
}

// judgePod judges all deaths of a pod anew and returns what changed in what was told.
func (l *Ledger) judgePod(b *podBook) []Change {
	now := map[Key]Record{}
	became := map[Key]Key{} // death -> record
	for _, key := range sortedKeys(b.entries) {
		e := b.entries[key]
		if twin := b.twin(&e.death); twin != nil {
			e = twin
		}
		r := l.classify(b, e)
		if !r.Killed() && !l.notable(b, key, &r) {
			continue
		}
		became[key] = r.Key
		if old, ok := now[r.Key]; ok {
			r = merged(old, r)
		}
		now[r.Key] = r
	}
	return b.tell(now, became)
}

// notable reports whether a judgement that is no kill is worth a word: if the death was told as a kill before.
func (l *Ledger) notable(b *podBook, death Key, r *Record) bool {
	_, told := b.records[death]
	_, toldOfPod := b.records[r.Key]
	return told || toldOfPod
}

func (l *Ledger) classify(b *podBook, e *entry) Record {
	n := l.node(b.node)
	r := Classify(e.death, Surroundings{
		Node: n.info, PodEvents: b.events, EventsSince: l.since, node: n.arrange(),
		Readings: e.readings, Adj: e.adj, Workload: e.workload,
	})
	if r.Time.IsZero() {
		r.Time = e.seen
	}
	return r
}

// tell compares the judgements with what was told and returns the differences.
func (b *podBook) tell(now map[Key]Record, became map[Key]Key) (changes []Change) {
	was := map[Key][]Record{} // by the key of the new record
	for _, death := range sortedKeys(became) {
		key := became[death]
		if old, ok := b.records[death]; ok && death != key {
			was[key] = append(was[key], old)
			delete(b.records, death)
		}
	}
	for _, key := range sortedKeys(now) {
		r := now[key]
		old, told := b.records[key]
		if told && alike(&old, &r) && len(was[key]) == 0 {
			continue
		}
		if told {
			was[key] = append(was[key], old)
		}
		set(&b.records, key, r)
		if r.Killed() || anyKilled(was[key]) {
			changes = append(changes, Change{Record: r, Was: was[key]})
		}
	}
	return changes
}

// arrange returns what the judgements of all deaths of the node begin with.
func (n *nodeBook) arrange() *arrangement {
	if n.around == nil {
		deaths := make([]*Death, len(n.deaths))
		for i, e := range n.deaths {
			deaths[i] = &e.death
		}
		n.around = &arrangement{arrangedKills(deaths), arranged(n.events)}
	}
	return n.around
}

func anyKilled(records []Record) bool {
	return slices.ContainsFunc(records, func(r Record) bool { return r.Killed() })
}

// alike reports whether two judgements say the same to a reader.
func alike(a, b *Record) bool {
	return a.Cause == b.Cause && a.Reason == b.Reason && a.Confidence == b.Confidence && a.Message == b.Message &&
		a.Time.Equal(b.Time) && a.Node == b.Node
}

// set makes the map with its first entry: most pods of a Ledger need few of theirs.
func set[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

func sortedKeys[V any](m map[Key]V) []Key {
	return slices.SortedFunc(maps.Keys(m), compareKeys)
}
