package nodekillorder

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/status"
)

// states has the state of each node. The operator may lose all of it (a restart, a new leader): states only save writes
// and requests.
type states struct {
	mu sync.Mutex
	m  map[string]*state
	// complete: at some time every node was judged.
	complete atomic.Bool
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

// state is what the operator remembers of one node between two reconciles. Only one worker handles a node at a time;
// other goroutines touch deleted (the watch) and summary (gauges and roll-up) only, which are atomic.
type state struct {
	// history is what the next judgement compares with; package status describes its contents.
	history status.History
	// emitted names the Events that the published status calls for and that exist, so that they are not created again.
	emitted map[string]bool
	// last is the version that this process wrote last, until the cache shows that version or a newer one; then nil.
	last *version
	// writtenAt is when this process last wrote; zero if it has not.
	writtenAt time.Time
	// deleted is set when the watch sees the order deleted: last and writtenAt then no longer count.
	deleted atomic.Bool
	summary atomic.Pointer[status.NodeSummary]
}

// version is one version of the order on the API server.
type version struct {
	status          *v1alpha1.NodeKillOrderStatus
	resourceVersion string
	generation      int64
	writtenAt       time.Time
}

// current returns the newest known version of the order: the one in the cache, or the one that this process has just
// written and the cache does not show yet. cached is nil where the cache has none.
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

// written reports whether the order exists although the cache may not show the order yet.
func (s *state) written() bool { return s.last != nil }

func newer(a, b string) bool {
	c, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && c > 0
}

// Summaries returns what the gauges and the roll-up need of each node judged so far.
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

// Judged reports whether each Node in the cache was judged by this process. Until then the summaries say too little of the
// cluster.
func (r *Reconciler) Judged(ctx context.Context) bool {
	if r.states.complete.Load() {
		return true
	}
	nodes := &corev1.NodeList{}
	if err := r.Client.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	r.states.mu.Lock()
	defer r.states.mu.Unlock()
	for i := range nodes.Items {
		if s := r.states.m[nodes.Items[i].Name]; s == nil || s.summary.Load() == nil {
			return false
		}
	}
	r.states.complete.Store(true)
	return true
}
