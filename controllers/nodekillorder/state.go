package nodekillorder

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/packed"
	"github.com/killorder/killorder/internal/status"
)

// states has the state of each node. The operator may lose all of it (a restart, a new leader): states only save writes
// and requests.
type states struct {
	mu sync.Mutex
	m  map[string]*state
	// complete: at some time every node was judged.
	complete atomic.Bool
	// unjudged is a node that was not judged when Judged looked last.
	unjudged atomic.Pointer[string]
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

// judged reports whether the node was judged.
func (s *states) judged(node string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.m[node]
	return state != nil && state.summary.Load() != nil
}

func (s *states) forget(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, node)
}

// state is what the operator remembers of one node between two reconciles. Only one worker handles a node at a time;
// other goroutines touch deleted and created (the watch) and summary (gauges and roll-up) only, which are atomic.
type state struct {
	// since is when this process judged the node first.
	since time.Time
	// history is what the next judgement compares with; package status describes its contents.
	history status.History
	// emitted names the Events that the published status calls for and that exist, or that the API server refuses for their text: nobody
	// creates these Events again.
	emitted map[string]bool
	// waiting are the Events that a published status called for and that do not exist yet: they were held back or failed.
	waiting map[string]*eventsv1.Event
	// known is the newest version of the order that this process wrote or read; the zero version if there is none.
	known version
	// deleted is set when the watch shows the order deleted, or a write finds no order: the known version then no longer counts.
	deleted atomic.Bool
	// created is set while this process creates the order, until the watch shows the order.
	created atomic.Bool
	summary atomic.Pointer[status.NodeSummary]
}

// version is one version of the order on the API server.
type version struct {
	// packed is the version's status, the zero value where nothing was ever published.
	packed          packed.Status
	uid             types.UID
	resourceVersion string
	generation      int64
	writtenAt       time.Time
}

// current returns the newest version of the order: the one that this process wrote or read last. Where the cache shows a newer
// version, another process wrote the order (a leader before this one, or a person by hand): the order is then read from the API
// server. cached is nil where the cache has no order.
func (r *Reconciler) current(ctx context.Context, s *state, cached *metav1.PartialObjectMetadata) (version, error) {
	if s.deleted.Swap(false) {
		s.known = version{}
		s.history.DropStanding()
	}
	if cached != nil && !s.knows(cached.ResourceVersion) {
		known, err := r.read(ctx, cached.Name)
		if err != nil {
			return version{}, err
		}
		if own := s.known.writtenAt; own.After(known.writtenAt) {
			known.writtenAt = own // a change of the order by hand does not hasten the next write
		}
		s.known = known
		s.history.DropStanding()
	}
	v := s.known
	switch {
	case cached != nil:
		v.uid, v.generation = cmp.Or(v.uid, cached.UID), cached.Generation
	case !s.written():
		v.generation = 1
	}
	return v, nil
}

// read reads the order from the API server; the zero version if it is gone by now.
func (r *Reconciler) read(ctx context.Context, name string) (version, error) {
	order := &v1alpha1.NodeKillOrder{}
	if err := r.Live.Get(ctx, types.NamespacedName{Name: name}, order); err != nil {
		if apierrors.IsNotFound(err) {
			return version{}, nil
		}
		return version{}, fmt.Errorf("read NodeKillOrder %s: %w", name, err)
	}
	status.Complete(&order.Status)
	kept, err := packed.Pack(&order.Status)
	v := version{packed: kept, uid: order.UID, resourceVersion: order.ResourceVersion, generation: order.Generation}
	if order.Status.LastChangedAt != nil {
		v.writtenAt = order.Status.LastChangedAt.Time
	}
	return v, err
}

// knows reports whether the version that the cache shows is the known one, or older.
func (s *state) knows(resourceVersion string) bool {
	return s.known.resourceVersion == resourceVersion || newer(s.known.resourceVersion, resourceVersion)
}

// written reports whether the order exists although the cache may not show the order yet.
func (s *state) written() bool { return s.known.resourceVersion != "" }

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

// Quiet returns for how long after its latest readings no killer can come near the node, 0 if that is not known.
func (r *Reconciler) Quiet(node string) time.Duration {
	r.states.mu.Lock()
	defer r.states.mu.Unlock()
	if s := r.states.m[node]; s != nil {
		if summary := s.summary.Load(); summary != nil {
			return summary.Quiet
		}
	}
	return 0
}

// Judged reports whether each Node in the cache was judged by this process. Until then the summaries say too little of the
// cluster.
func (r *Reconciler) Judged(ctx context.Context) bool {
	if r.states.complete.Load() {
		return true
	}
	// A list of 5,000 Nodes is 3 MB of garbage, and three callers ask each second. Mostly the Node that was not judged last time answers.
	if name := r.states.unjudged.Load(); name != nil && !r.states.judged(*name) &&
		r.Client.Get(ctx, types.NamespacedName{Name: *name}, &corev1.Node{}, client.UnsafeDisableDeepCopy) == nil {
		return false
	}
	nodes := &corev1.NodeList{}
	if err := r.Client.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	for i := range nodes.Items {
		if name := nodes.Items[i].Name; !r.states.judged(name) {
			r.states.unjudged.Store(&name)
			return false
		}
	}
	r.states.complete.Store(true)
	return true
}
