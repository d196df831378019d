package usage

import (
	"bytes"
	"hash/maphash"
	"math"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// snapshot is what one pass left: never changed once it is the current one. 150,000 pods are a few large arrays
// without pointers, a third of what a record and a map entry per pod would take, and nothing for the garbage
// collector to walk.
type snapshot struct {
	seed maphash.Seed
	// index finds a pod's row by the hash of its key, or the next free number above where hashes collide.
	index map[uint64]uint32
	// rows may hold pods that a later row of the same key has replaced; only the index says which count.
	rows []row
	// sources of the rows.
	sources []facts.Source
	// keys is all pods' "namespace/name", one after another.
	keys []byte
	// containers of all pods, one after another: index into names, and working set in bytes.
	containerNames []uint32
	workingSets    []int64
	// others are the containers' further readings; it ends with the last container that has any.
	others []otherUsage
	// samples of all pods' history, one after another: age at the pod's reading in seconds, and working set.
	sampleAges  []uint16
	samplePages []pages
	// names of containers, each once.
	names []string
	nodes map[string]facts.NodeReading
}

// row is one pod. What it has in the arrays begins at the given indexes and ends where the next row's begins.
type row struct {
	workingSet              int64
	observed                uint32 // Unix seconds
	key, container, history uint32
}

// otherUsage is what not every source knows of a container.
type otherUsage struct{ rss, swap pages }

// pageSize is the unit of RSS, of swap, and of working sets in the history: the kernel counts, and compares, in pages
// of at least this size. The present working set stays in bytes, since the kubelet compares it so.
const pageSize = 4096

// pages is an amount of memory up to 16 TiB.
type pages uint32

const unknownPages = math.MaxUint32

func pagesOf(bytes int64) pages {
	if bytes == facts.Unknown {
		return unknownPages
	}
	return pages(min(bytes/pageSize, unknownPages-1))
}

func (p pages) bytes() int64 {
	if p == unknownPages {
		return facts.Unknown
	}
	return int64(p) * pageSize
}

// newSnapshot makes an empty snapshot with room for as much as the last one held.
func newSnapshot(seed maphash.Seed, last *snapshot) *snapshot {
	return &snapshot{
		seed:           seed,
		index:          make(map[uint64]uint32, len(last.index)),
		rows:           make([]row, 0, room(len(last.rows))),
		sources:        make([]facts.Source, 0, room(len(last.sources))),
		keys:           make([]byte, 0, room(len(last.keys))),
		containerNames: make([]uint32, 0, room(len(last.containerNames))),
		workingSets:    make([]int64, 0, room(len(last.workingSets))),
		others:         make([]otherUsage, 0, room(len(last.others))),
		sampleAges:     make([]uint16, 0, room(len(last.sampleAges))),
		samplePages:    make([]pages, 0, room(len(last.samplePages))),
		nodes:          make(map[string]facts.NodeReading, len(last.nodes)),
	}
}

// room for a few more than there were.
func room(n int) int { return n + n/32 }

func appendKey[S string | []byte](key []byte, namespace, name S) []byte {
	key = append(key, namespace...)
	key = append(key, '/')
	return append(key, name...)
}

// find returns the pod's row; if there is none, the slot of the index that is free for it.
func (s *snapshot) find(key []byte) (i int, slot uint64, ok bool) {
	for slot = maphash.Bytes(s.seed, key); ; slot++ {
		r, taken := s.index[slot]
		if !taken {
			return 0, slot, false
		}
		if bytes.Equal(s.key(int(r)), key) {
			return int(r), slot, true
		}
	}
}

func (s *snapshot) key(i int) []byte {
	if i+1 < len(s.rows) {
		return s.keys[s.rows[i].key:s.rows[i+1].key]
	}
	return s.keys[s.rows[i].key:]
}

// containers returns where the row's containers begin and end.
func (s *snapshot) containers(i int) (from, to int) {
	if i+1 < len(s.rows) {
		return int(s.rows[i].container), int(s.rows[i+1].container)
	}
	return int(s.rows[i].container), len(s.containerNames)
}

// history returns where the row's samples begin and end.
func (s *snapshot) history(i int) (from, to int) {
	if i+1 < len(s.rows) {
		return int(s.rows[i].history), int(s.rows[i+1].history)
	}
	return int(s.rows[i].history), len(s.sampleAges)
}

func (s *snapshot) reading(i int) facts.PodReading {
	pod := &s.rows[i]
	r := facts.PodReading{Source: s.sources[i], ObservedAt: time.Unix(int64(pod.observed), 0), WorkingSet: pod.workingSet}
	from, to := s.containers(i)
	r.Containers = make([]facts.ContainerReading, 0, to-from)
	for c := from; c < to; c++ {
		r.Containers = append(r.Containers, facts.ContainerReading{
			Name: s.names[s.containerNames[c]], ContainerUsage: s.containerUsage(c),
		})
	}
	from, to = s.history(i)
	r.History = make([]facts.Sample, 0, to-from+1)
	for h := from; h < to; h++ {
		r.History = append(r.History, facts.Sample{
			At: int64(pod.observed) - int64(s.sampleAges[h]), WorkingSet: s.samplePages[h].bytes(),
		})
	}
	r.History = append(r.History, facts.Sample{At: int64(pod.observed), WorkingSet: pod.workingSet})
	return r
}

func (s *snapshot) containerUsage(c int) facts.ContainerUsage {
	u := facts.NoContainerUsage
	u.WorkingSet = s.workingSets[c]
	if c < len(s.others) {
		u.RSS, u.Swap = s.others[c].rss.bytes(), s.others[c].swap.bytes()
	}
	return u
}

// addContainer appends a container to the last row.
func (s *snapshot) addContainer(name uint32, u facts.ContainerUsage) {
	s.containerNames = append(s.containerNames, name)
	s.workingSets = append(s.workingSets, u.WorkingSet)
	if u.RSS == facts.Unknown && u.Swap == facts.Unknown {
		return
	}
	for len(s.others) < len(s.workingSets)-1 {
		s.others = append(s.others, otherUsage{unknownPages, unknownPages})
	}
	s.others = append(s.others, otherUsage{pagesOf(u.RSS), pagesOf(u.Swap)})
}

// addSample appends to the last row's history, oldest first.
func (s *snapshot) addSample(age uint32, workingSet int64) {
	s.sampleAges = append(s.sampleAges, uint16(age))
	s.samplePages = append(s.samplePages, pagesOf(workingSet))
}
