package nodekillorder

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/status"
)

// states remembers, per node, what the cache cannot say. All of it can be lost: it only saves writes.
type states struct {
	mu sync.Mutex
	m  map[string]*state
}

func (s *states) of(node string) *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[string]*state{}
	}
	if s.m[node] == nil {
		s.m[node] = &state{}
	}
	return s.m[node]
}

func (s *states) forget(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, node)
}

// state of one node. Only one worker has a node at a time; deleted and summary are shared beyond that.
type state struct {
	// history is what the next judgement compares with.
	history status.History
	// emitted are the Events that the published status calls for and that exist.
	emitted map[string]bool
	// last is the latest version written, kept until the cache has caught up with it.
	last *version
	// writtenAt is when the last version was written, or zero if not by this process.
	writtenAt time.Time
	// deleted: the order was seen deleted, so last is no more.
	deleted atomic.Bool
	summary atomic.Pointer[status.NodeSummary]
}

// version is a status as it is on the API server.
type version struct {
	status          *v1alpha1.NodeKillOrderStatus
	resourceVersion string
	generation      int64
	writtenAt       time.Time
}

// current returns the newest version known: the cache's, or the one just written that it has yet to see.
func (s *state) current(cached *v1alpha1.NodeKillOrder) version {
	if s.deleted.Swap(false) {
		s.last, s.writtenAt = nil, time.Time{}
	}
	if cached == nil {
		if s.last != nil {
			return *s.last
		}
		return version{generation: 1}
	}
	if s.last != nil {
		if newer(s.last.resourceVersion, cached.ResourceVersion) {
			v := *s.last
			v.generation = cached.Generation
			return v
		}
		s.last = nil
	}
	v := version{&cached.Status, cached.ResourceVersion, cached.Generation, s.writtenAt}
	if v.writtenAt.IsZero() && cached.Status.LastChangedAt != nil {
		v.writtenAt = cached.Status.LastChangedAt.Time
	}
	return v
}

func (s *state) wrote(v version) {
	s.last, s.writtenAt = &v, v.writtenAt
}

// written: the order exists, although the cache does not show it yet.
func (s *state) written() bool { return s.last != nil }

func newer(a, b string) bool {
	c, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && c > 0
}

// Summaries of all nodes judged.
func (r *Reconciler) Summaries() []*status.NodeSummary {
	r.states.mu.Lock()
	defer r.states.mu.Unlock()
	all := make([]*status.NodeSummary, 0, len(r.states.m))
	for _, s := range r.states.m {
		if summary := s.summary.Load(); summary != nil {
			all = append(all, summary)
		}
	}
	return all
}
