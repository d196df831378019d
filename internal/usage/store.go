package usage

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// Store holds the latest reading of every pod and node, and a short history of the pods'. Readers never wait:
// each pass builds a new snapshot beside the one that readers see, and then puts the new one in its place.
type Store struct {
	keep    time.Duration
	now     func() time.Time
	seed    maphash.Seed
	current atomic.Pointer[snapshot]
}

var _ facts.Readings = (*Store)(nil)

// NewStore makes an empty store. The store keeps readings, and the history of working sets, for the given time: if a pass
// has no reading of a pod or node, its last reading stays until it is that old. The time may be up to 18 hours.
func NewStore(keep time.Duration, now func() time.Time) *Store {
	s := &Store{keep: keep, now: now, seed: maphash.MakeSeed()}
	s.current.Store(newSnapshot(&snapshot{}))
	return s
}

// Now is the time by the store's clock.
func (s *Store) Now() time.Time { return s.now() }

// Pod returns the pod's latest reading, and whether there is one. The slices are the caller's own.
func (s *Store) Pod(namespace, name string) (facts.PodReading, bool) {
	var buffer [128]byte // most keys fit into the buffer, and then need no allocation
	snap := s.current.Load()
	key, _ := keyOf(s.seed, buffer[:], namespace, name)
	i, _, ok := snap.find(key)
	if !ok {
		return facts.PodReading{}, false
	}
	return snap.reading(i), true
}

// Node returns the node's latest reading, and whether there is one.
func (s *Store) Node(name string) (facts.NodeReading, bool) {
	r, ok := s.current.Load().nodes[name]
	return r, ok
}

// Len returns how many pods and nodes have a reading.
func (s *Store) Len() (pods, nodes int) {
	snap := s.current.Load()
	return snap.index.used, len(snap.nodes)
}
