package usage

import (
	"math"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// snapshot holds all readings after a pass. It never changes once readers see it. 150,000 pods are a few large arrays
// without pointers: these take a third of the memory of a record and a map entry per pod, and the garbage collector does not
// have to walk them.
type snapshot struct {
	// index finds a pod's row.
	index index
	// rows may hold several rows of one pod; the index leads to the one that counts.
	rows []row
	// keys of the rows' pods.
	keys []podKey
	// sources of the rows.
	sources []facts.Source
	// containers of all pods, one after another: index into names, and working set.
	containerNames []uint32
	workingSets    []pages
	// others are the containers' further readings; the array ends with the last container that has any.
	others []otherUsage
	// samples of all pods' history, one after another: age at the pod's reading in seconds, and working set.
	sampleAges  []uint16
	samplePages []pages
	// names of containers, each once.
	names []string
	nodes map[string]facts.NodeReading
}

// row is one pod. Its elements in the arrays begin at the given indexes and end where the next row's begin.
type row struct {
	workingSet         int64
	observed           uint32 // Unix seconds
	container, history uint32
}

// otherUsage holds the readings of a container that only some sources have.
type otherUsage struct{ rss, swap pages }

// pageSize is the unit of what containers use, and of working sets in the history: the kernel counts, and compares, in
// pages of at least this size. A pod's present working set stays in bytes, since the kubelet compares bytes.
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
func newSnapshot(last *snapshot) *snapshot {
	return &snapshot{
		index:          newIndex(room(last.index.used)),
		rows:           make([]row, 0, room(len(last.rows))),
		keys:           make([]podKey, 0, room(len(last.keys))),
		sources:        make([]facts.Source, 0, room(len(last.sources))),
		containerNames: make([]uint32, 0, room(len(last.containerNames))),
		workingSets:    make([]pages, 0, room(len(last.workingSets))),
		others:         make([]otherUsage, 0, room(len(last.others))),
		sampleAges:     make([]uint16, 0, room(len(last.sampleAges))),
		samplePages:    make([]pages, 0, room(len(last.samplePages))),
		nodes:          make(map[string]facts.NodeReading, len(last.nodes)),
	}
}

// room returns a capacity a little above n.
func room(n int) int { return n + n/32 }

// end returns a row that begins where row i ends in the arrays.
func (s *snapshot) end(i int) row {
	if i+1 < len(s.rows) {
		return s.rows[i+1]
	}
	return row{container: uint32(len(s.containerNames)), history: uint32(len(s.sampleAges))}
}

// containers returns where the row's containers begin and end.
func (s *snapshot) containers(i int) (from, to int) {
	return int(s.rows[i].container), int(s.end(i).container)
}

// history returns where the row's samples begin and end.
func (s *snapshot) history(i int) (from, to int) {
	return int(s.rows[i].history), int(s.end(i).history)
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
	u.WorkingSet = s.workingSets[c].bytes()
	if c < len(s.others) {
		u.RSS, u.Swap = s.others[c].rss.bytes(), s.others[c].swap.bytes()
	}
	return u
}

// addContainer appends a container to the last row.
func (s *snapshot) addContainer(name uint32, u facts.ContainerUsage) {
	s.containerNames = append(s.containerNames, name)
	s.workingSets = append(s.workingSets, pagesOf(u.WorkingSet))
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
