package nodekillorder

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/packed"
)

var start = time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)

func pods(n int32) *v1alpha1.NodeKillOrderStatus {
	return &v1alpha1.NodeKillOrderStatus{
		LastChangedAt: &metav1.Time{Time: start}, Summary: &v1alpha1.SummaryStatus{Pods: n},
	}
}

func cached(resourceVersion string, generation int64) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: nodeName, ResourceVersion: resourceVersion, Generation: generation,
	}}
}

// live is an API server with one order, which counts how often the order is read.
type live struct {
	client.Reader
	order *v1alpha1.NodeKillOrder
	reads int
}

func (l *live) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	l.reads++
	if l.order == nil {
		return apierrors.NewNotFound(schema.GroupResource{}, nodeName)
	}
	l.order.DeepCopyInto(into.(*v1alpha1.NodeKillOrder))
	return nil
}

// What a reconcile compares with, whatever the cache and the watch have seen of this process's own write.
func TestCurrentVersion(t *testing.T) {
	later := start.Add(time.Minute)
	written := func() *state {
		kept, err := packed.Pack(pods(2))
		if err != nil {
			t.Fatal(err)
		}
		s := &state{}
		s.known = version{packed: kept, resourceVersion: "20", generation: 1, writtenAt: later}
		return s
	}
	deleted := func() *state {
		s := written()
		s.deleted.Store(true)
		return s
	}
	type want struct {
		pods        int32
		generation  int64
		writtenAt   time.Time
		reads       int // from the API server
		orderExists bool
	}
	for name, tc := range map[string]struct {
		state  *state
		cached *metav1.PartialObjectMetadata
		live   int32 // pods of the order on the API server; 0 if there is no order
		want   want
	}{
		"nothing was ever written":             {state: &state{}, want: want{generation: 1}},
		"written by an earlier process":        {&state{}, cached("10", 3), 1, want{1, 3, start, 1, true}},
		"written, the cache has no order":      {state: written(), want: want{2, 1, later, 0, true}},
		"written, the cache is stale":          {written(), cached("10", 3), 7, want{2, 3, later, 0, true}},
		"written, the cache shows it":          {written(), cached("20", 1), 7, want{2, 1, later, 0, true}},
		"written, then changed by others":      {written(), cached("30", 1), 7, want{7, 1, later, 1, true}},
		"changed by others, and gone by now":   {written(), cached("30", 1), 0, want{0, 1, later, 1, false}},
		"written, then deleted":                {state: deleted(), want: want{generation: 1}},
		"deleted, then made again by hand":     {deleted(), cached("40", 1), 9, want{9, 1, start, 1, true}},
		"a resource version that is no number": {written(), cached("x", 1), 7, want{7, 1, later, 1, true}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &live{}
			if tc.live > 0 {
				l.order = &v1alpha1.NodeKillOrder{Status: *pods(tc.live)}
				l.order.ResourceVersion = tc.cached.ResourceVersion
			}
			r := &Reconciler{Live: l}
			for range 2 { // what was read once is known
				v, err := r.current(t.Context(), tc.state, tc.cached)
				if err != nil {
					t.Fatal(err)
				}
				published, err := v.packed.Unpack()
				if err != nil {
					t.Fatal(err)
				}
				got := want{generation: v.generation, writtenAt: v.writtenAt, reads: l.reads, orderExists: tc.state.written()}
				if published != nil {
					got.pods = published.Summary.Pods
				}
				if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
					t.Error(diff)
				}
				if l.order == nil {
					break
				}
			}
		})
	}
}

// An order that an older version left is read as complete as today's schema wants: what is carried on would else make every
// write invalid.
func TestReadAnOlderOrder(t *testing.T) {
	l := &live{order: &v1alpha1.NodeKillOrder{Status: *pods(1)}}
	l.order.Status.Kills = []v1alpha1.Kill{{Pod: "a"}}
	v, err := (&Reconciler{Live: l}).current(t.Context(), &state{}, cached("10", 1))
	if err != nil {
		t.Fatal(err)
	}
	s, err := v.packed.Unpack()
	if err != nil || len(s.Kills) != 1 || s.Kills[0].Confidence != v1alpha1.ConfidenceLow {
		t.Errorf("status %+v, error %v", s, err)
	}
}

// Judged says yes once each Node was judged, and then for good: a node that comes later is judged with the next pass.
func TestJudged(t *testing.T) {
	w := newWorld(t, node("n1"))
	w.Passed = func(string) bool { return false }
	if _, _, err := w.reconcile(0); err != nil {
		t.Fatal(err)
	}
	if w.Judged(t.Context()) {
		t.Error("a node was not judged before the first pass over the readings")
	}
	w.Passed = func(string) bool { return true }
	if _, _, err := w.reconcile(0); err != nil {
		t.Fatal(err)
	}
	if !w.Judged(t.Context()) || len(w.Summaries()) != 1 {
		t.Error("the only node was judged")
	}
}

// countsLists counts the lists that are read.
type countsLists struct {
	client.Reader
	lists int
}

func (c *countsLists) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	c.lists++
	return c.Reader.List(ctx, list, opts...)
}

// While a Node is not judged, that Node alone is read. A Node that was not judged and is gone holds nothing up.
func TestJudgedWithoutANodeThatIsGone(t *testing.T) {
	gone := node("n2")
	gone.Name = "worker-2"
	w := newWorld(t, node("n1"), gone)
	if _, _, err := w.reconcile(0); err != nil {
		t.Fatal(err)
	}
	counted := &countsLists{Reader: w.Client}
	w.Client = counted
	for range 3 {
		if w.Judged(t.Context()) {
			t.Error("worker-2 was not judged")
		}
	}
	if counted.lists != 1 {
		t.Errorf("%d lists of Nodes, want the first alone", counted.lists)
	}
	if err := w.Writer.Client.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if !w.Judged(t.Context()) {
		t.Error("worker-1, the only node left, was judged")
	}
}

// An order that stands is not unpacked; what the gauges show follows all the same, and what changes is written.
func TestAnOrderThatStands(t *testing.T) {
	w := newWorld(t, node("n1"))
	visit := func(usage, nodeUsage int64, wantStanding bool, wantCalls ...string) {
		t.Helper()
		w.usage, w.nodeUsage = usage, nodeUsage
		before := len(w.published)
		calls, _, err := w.reconcile(40 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantCalls, calls); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
		if stood := len(w.published) == before; stood != wantStanding {
			t.Errorf("the published status was not looked at: %t", stood)
		}
	}
	visit(200<<20, 8<<30, false, "create", "status", "event CriticalPodAtRisk", "event CriticalPodAtRisk")
	visit(200<<20, 8<<30, false, "status")
	visit(200<<20, 8<<30, false)
	visit(210<<20, 8<<30+1<<20, true)
	if s := w.Summaries()[0]; !s.ObservedAt.Equal(w.clock.Now()) {
		t.Errorf("the gauges are of readings of %s, want %s", s.ObservedAt, w.clock.Now())
	}
	visit(200<<20, 14<<30, false, "status")
	visit(200<<20, 14<<30, false)
	visit(200<<20, 14<<30, true)
	w.pods[0].Priority = 7
	visit(200<<20, 14<<30, false, "status", "event CriticalPodSafe", "event CriticalPodSafe")
}
