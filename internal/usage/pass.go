package usage

import (
	"slices"
	"strings"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

const (
	// sampleSpacing is the least time between two samples of a history, in seconds: ten minutes have room for nine samples
	// at most.
	sampleSpacing = 75
	// maxAhead is how far clocks may differ before a reading counts as one from the future.
	maxAhead = facts.MaxClockSkew
	// maxRepeats is how many repeated readings (of pods that the pass has read already) a small pass takes. A large pass takes
	// as many more as it has pods.
	maxRepeats = 1024
)

// Pass collects the readings of one pass over a source. Only one Pass may be under way, in one goroutine; readers of the
// store see nothing of it before Commit.
type Pass struct {
	store      *Store
	last, next *snapshot
	now        time.Time
	names      map[string]uint32
	buffer     []byte // of keys
	result     Result
}

// Result is what became of a pass.
type Result struct {
	// Pods and Nodes with a reading in this pass.
	Pods, Nodes int
	// Dropped readings by cause, nil if there were none.
	Dropped map[DropCause]int
}

var _ Sink = (*Pass)(nil)

// Begin starts a pass over the sources.
func (s *Store) Begin() *Pass {
	last := s.current.Load()
	next := newSnapshot(last)
	return &Pass{store: s, last: last, next: next, now: s.now(), names: make(map[string]uint32, len(last.names))}
}

// Drop counts a reading that cannot be used.
func (p *Pass) Drop(cause DropCause) {
	if p.result.Dropped == nil {
		p.result.Dropped = map[DropCause]int{}
	}
	p.result.Dropped[cause]++
}

// Node takes a node's reading, which replaces a reading of the same time or older.
func (p *Pass) Node(name string, r facts.NodeReading) {
	if cause := p.judgeNode(name, r); cause != "" {
		p.Drop(cause)
		return
	}
	r.WorkingSet, r.PodsWorkingSet = min(r.WorkingSet, facts.MaxBytes), min(r.PodsWorkingSet, facts.MaxBytes)
	r.Available, r.SwapCapacity = min(r.Available, facts.MaxBytes), min(r.SwapCapacity, facts.MaxBytes)
	r.CommitLimit = min(max(r.CommitLimit, 0), facts.MaxBytes)
	for _, s := range []*snapshot{p.last, p.next} {
		if have, ok := s.nodes[name]; ok && have.ObservedAt.After(r.ObservedAt) && !p.isAhead(have.ObservedAt.Unix()) {
			r = have
		}
	}
	p.next.nodes[strings.Clone(name)] = r
}

func (p *Pass) judgeNode(name string, r facts.NodeReading) DropCause {
	switch {
	case name == "":
		return DropMalformed
	case negative(r.WorkingSet) || negative(r.PodsWorkingSet) || negative(r.Available) || r.SwapCapacity < 0:
		return DropNegative
	case r.WorkingSet == facts.Unknown && r.Available == facts.Unknown:
		return DropNoMemory
	}
	return p.judgeTime(r.ObservedAt)
}

// Pod takes a pod's reading, which replaces a reading of the same time or older.
func (p *Pass) Pod(r *Pod) {
	workingSet, cause := p.judgePod(r)
	if cause != "" {
		p.Drop(cause)
		return
	}
	key, buffer := keyOf(p.store.seed, p.buffer, r.Namespace, r.Name)
	p.buffer = buffer
	at := uint32(r.ObservedAt.Unix())
	already, slot, repeated := p.next.find(key)
	switch {
	case repeated && p.next.rows[already].observed > at:
		return
	case repeated && len(p.next.rows) > 2*p.next.index.used+maxRepeats:
		p.Drop(DropRepeated) // each repeated reading takes a row
		return
	}
	old, _, known := p.last.find(key)
	known = known && !p.isAhead(int64(p.last.rows[old].observed))
	if known && p.last.rows[old].observed > at {
		p.carry(old, key, slot)
		return
	}
	p.addRow(slot, key, row{workingSet: workingSet, observed: at}, r.Source)
	for i := range r.Containers {
		c := &r.Containers[i]
		u := c.ContainerUsage
		u.WorkingSet, u.RSS, u.Swap = min(u.WorkingSet, facts.MaxBytes), min(u.RSS, facts.MaxBytes), min(u.Swap, facts.MaxBytes)
		p.next.addContainer(p.name(c.Name), u)
	}
	if known {
		p.addHistory(old, at)
	}
}

// judgePod returns the pod's working set in bytes, or why the reading cannot be used. The sum is over the containers that
// have a name. A container without a name is the total of the pod, as some adapters report it, and counts only if no
// container has a name.
func (p *Pass) judgePod(r *Pod) (workingSet int64, cause DropCause) {
	if len(r.Namespace) == 0 || len(r.Name) == 0 {
		return 0, DropMalformed
	}
	complete := len(r.Containers) > 0
	named := slices.ContainsFunc(r.Containers, func(c Container) bool { return len(c.Name) > 0 })
	for i := range r.Containers {
		u := &r.Containers[i].ContainerUsage
		if negative(u.WorkingSet) || negative(u.RSS) || negative(u.Swap) {
			return 0, DropNegative
		}
		if named && len(r.Containers[i].Name) == 0 {
			continue
		}
		complete = complete && u.WorkingSet != facts.Unknown
		workingSet = min(workingSet+min(u.WorkingSet, facts.MaxBytes), facts.MaxBytes)
	}
	switch {
	case negative(r.WorkingSet):
		return 0, DropNegative
	case r.WorkingSet != facts.Unknown:
		workingSet = min(r.WorkingSet, facts.MaxBytes)
	case !complete:
		return 0, DropNoMemory
	}
	return workingSet, p.judgeTime(r.ObservedAt)
}

func negative(bytes int64) bool { return bytes < 0 && bytes != facts.Unknown }

func (p *Pass) judgeTime(observed time.Time) DropCause {
	switch {
	case observed.IsZero() || observed.Unix() <= 0:
		return DropNoTimestamp
	case p.isAhead(observed.Unix()):
		return DropFuture
	case p.now.Sub(observed) > p.store.keep:
		return DropExpired
	}
	return ""
}

// isAhead reports whether a time in Unix seconds is too far in the future. A reading of the last pass can be ahead only if
// our clock was put back since then: such a reading is dropped, because it would otherwise hide new readings until the clock
// reaches its time.
func (p *Pass) isAhead(observed int64) bool { return observed > p.now.Add(maxAhead).Unix() }

func (p *Pass) addRow(slot int, key podKey, r row, source facts.Source) {
	s := p.next
	r.container, r.history = uint32(len(s.containerNames)), uint32(len(s.sampleAges))
	s.rows = append(s.rows, r)
	s.keys = append(s.keys, key)
	s.sources = append(s.sources, source)
	s.setIndex(slot)
}

// name returns the number of a container's name in this pass.
func (p *Pass) name(name []byte) uint32 {
	id, ok := p.names[string(name)]
	if !ok {
		id = uint32(len(p.next.names))
		p.next.names = append(p.next.names, string(name))
		p.names[p.next.names[id]] = id
	}
	return id
}

// addHistory copies a pod's history from the last pass (row old) to the newest row of this pass, whose reading is of the
// time at. The last pass's reading becomes a sample of the history if the newest sample is old enough.
func (p *Pass) addHistory(old int, at uint32) {
	before := &p.last.rows[old]
	elapsed, keep := at-before.observed, uint32(p.store.keep/time.Second)
	newest := uint32(sampleSpacing) // the newest sample's age at the last pass's reading
	from, to := p.last.history(old)
	for i := from; i < to; i++ {
		newest = uint32(p.last.sampleAges[i])
		if age := newest + elapsed; age <= keep {
			p.next.addSample(age, p.last.samplePages[i].bytes())
		}
	}
	if elapsed > 0 && elapsed <= keep && newest >= sampleSpacing {
		p.next.addSample(elapsed, before.workingSet)
	}
}

// carry takes a pod over from the last pass as it was.
func (p *Pass) carry(old int, key podKey, slot int) {
	p.addRow(slot, key, p.last.rows[old], p.last.sources[old])
	from, to := p.last.containers(old)
	for c := from; c < to; c++ {
		name := p.last.names[p.last.containerNames[c]]
		p.next.addContainer(p.name([]byte(name)), p.last.containerUsage(c))
	}
	from, to = p.last.history(old)
	p.next.sampleAges = append(p.next.sampleAges, p.last.sampleAges[from:to]...)
	p.next.samplePages = append(p.next.samplePages, p.last.samplePages[from:to]...)
}

// Commit lets readers see the pass. Pods and nodes without a reading in this pass keep their last reading, until that
// reading is too old.
func (p *Pass) Commit() Result {
	p.result.Pods, p.result.Nodes = p.next.index.used, len(p.next.nodes)
	oldest := p.now.Add(-p.store.keep)
	for i := range p.last.rows {
		if observed := int64(p.last.rows[i].observed); observed < oldest.Unix() || p.isAhead(observed) {
			continue
		}
		key := p.last.keys[i]
		if current, _, _ := p.last.find(key); current != i {
			continue // replaced by a later row
		}
		if _, slot, ok := p.next.find(key); !ok {
			p.carry(i, key, slot)
		}
	}
	for name, r := range p.last.nodes {
		if _, ok := p.next.nodes[name]; !ok && !r.ObservedAt.Before(oldest) && !p.isAhead(r.ObservedAt.Unix()) {
			p.next.nodes[name] = r
		}
	}
	p.store.current.Store(p.next)
	return p.result
}
