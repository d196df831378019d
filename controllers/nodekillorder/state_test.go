package nodekillorder

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

var start = time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)

func pods(n int32) *v1alpha1.NodeKillOrderStatus {
	return &v1alpha1.NodeKillOrderStatus{
		LastChangedAt: &metav1.Time{Time: start}, Summary: &v1alpha1.SummaryStatus{Pods: n},
	}
}

func cached(resourceVersion string, generation int64, s *v1alpha1.NodeKillOrderStatus) *v1alpha1.NodeKillOrder {
	return &v1alpha1.NodeKillOrder{
		ObjectMeta: metav1.ObjectMeta{ResourceVersion: resourceVersion, Generation: generation}, Status: *s,
	}
}

// What a reconcile compares with, whatever the cache and the watch have seen of this process's own write.
func TestCurrentVersion(t *testing.T) {
	later := start.Add(time.Minute)
	written := func() *state {
		s := &state{}
		s.wrote(version{pods(2), "20", 1, later})
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
		stillWaits  bool // for the cache to show what was written
		orderExists bool
	}
	for name, tc := range map[string]struct {
		state  *state
		cached *v1alpha1.NodeKillOrder
		want   want
	}{
		"nothing was ever written":             {&state{}, nil, want{generation: 1}},
		"written by an earlier process":        {&state{}, cached("10", 3, pods(1)), want{1, 3, start, false, false}},
		"written, the cache has no order":      {written(), nil, want{2, 1, later, true, true}},
		"written, the cache is stale":          {written(), cached("10", 3, pods(1)), want{2, 3, later, true, true}},
		"written, the cache shows it":          {written(), cached("20", 1, pods(2)), want{2, 1, later, false, false}},
		"written, then changed by others":      {written(), cached("30", 1, pods(7)), want{7, 1, later, false, false}},
		"written, then deleted":                {deleted(), nil, want{generation: 1}},
		"deleted, then made again by hand":     {deleted(), cached("40", 1, pods(9)), want{9, 1, start, false, false}},
		"a resource version that is no number": {written(), cached("x", 1, pods(7)), want{7, 1, later, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			v := tc.state.current(tc.cached)
			got := want{generation: v.generation, writtenAt: v.writtenAt, stillWaits: tc.state.last != nil, orderExists: tc.state.written()}
			if v.status != nil {
				got.pods = v.status.Summary.Pods
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Judged says yes once each Node was judged, and then for good: a node that comes later is judged with the next pass.
func TestJudged(t *testing.T) {
	w := newWorld(t, node("n1"))
	w.Passed = func() bool { return false }
	if _, _, err := w.reconcile(0); err != nil {
		t.Fatal(err)
	}
	if w.Judged(t.Context()) {
		t.Error("a node was not judged before the first pass over the readings")
	}
	w.Passed = func() bool { return true }
	if _, _, err := w.reconcile(0); err != nil {
		t.Fatal(err)
	}
	if !w.Judged(t.Context()) || len(w.Summaries()) != 1 {
		t.Error("the only node was judged")
	}
}
