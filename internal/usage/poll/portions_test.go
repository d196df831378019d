package poll_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/poll"
)

// nodeByNode is a source that reads ten nodes with one pod each, one after the other.
type nodeByNode struct{ each time.Duration }

func (s nodeByNode) Read(_ context.Context, into usage.Sink) []usage.Failure {
	for i := range 10 {
		time.Sleep(s.each)
		node := fmt.Sprint("n", i)
		into.Node(node, facts.NodeReading{WorkingSet: mib, Available: mib, ObservedAt: time.Now()})
		p := reading("on-"+node, mib)
		p.ObservedAt = time.Now()
		into.Pod(p)
		into.Drop(usage.DropFuture)
		if c, ok := into.(usage.Completer); ok {
			c.Complete(node)
		}
	}
	return nil
}

// TestFirstPassInPortions: readers see the nodes of a long first pass before the pass ends, each once; later passes are whole.
func TestFirstPassInPortions(t *testing.T) {
	for name, tc := range map[string]struct {
		each time.Duration
		want [][]string
	}{
		"quick": {50 * time.Millisecond, nil},
		"long": {600 * time.Millisecond, [][]string{
			{"n0", "n1"}, {"n2", "n3", "n4", "n5"}, // after 1.2 s, and two seconds later; the four seconds of the third are not over
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got [][]string
				passes, store := 0, usage.NewStore(keep, time.Now)
				r := &poll.Runner{
					Source: nodeByNode{tc.each}, Store: store, Interval: 30 * time.Second,
					Metrics: poll.NewMetrics(prometheus.NewRegistry()), Log: logr.Discard(),
				}
				r.OnPortion = func(nodes []string) {
					got = append(got, nodes)
					for _, n := range nodes {
						if _, seen := store.Pod("shop", "on-"+n); !seen || !r.Passed(n) {
							t.Errorf("%s: its pod is seen: %t, passed: %t", n, seen, r.Passed(n))
						}
					}
					if r.Passed("n9") {
						t.Error("n9 was not read yet")
					}
				}
				r.OnPass = func() {
					passes++
					for i := range 10 {
						node := fmt.Sprint("n", i)
						told := passes == 1 && tc.want != nil && i < 6
						if _, seen := store.Pod("shop", "on-"+node); !seen || !r.Passed(node) || r.HadPortion(node) != told {
							t.Errorf("pass %d, %s: its pod is seen: %t, passed: %t, told before: %t, want %t",
								passes, node, seen, r.Passed(node), r.HadPortion(node), told)
						}
					}
					s := r.Status()
					if s.Pods != 10 || s.Nodes != 10 || s.Dropped[usage.DropFuture] != 10 {
						t.Errorf("pass %d: %d pods, %d nodes, dropped %v; want 10 of each", passes, s.Pods, s.Nodes, s.Dropped)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
				defer cancel()
				if err := r.Start(ctx); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" || passes != 2 {
					t.Errorf("%d passes, portions (-want +got):\n%s", passes, diff)
				}
			})
		})
	}
}

// readsNothingAtFirst is a source whose first read fails.
type readsNothingAtFirst struct {
	usage.Source
	reads int
}

func (s *readsNothingAtFirst) Read(ctx context.Context, into usage.Sink) []usage.Failure {
	if s.reads++; s.reads == 1 {
		return []usage.Failure{{Cause: usage.FailedToken, Of: "kubelets", Err: errors.New("no token yet")}}
	}
	return s.Source.Read(ctx, into)
}

// Where the first pass could read nothing, the next one is delivered in portions.
func TestPortionsAfterAPassThatReadNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var portions []int // by the number of passes that were over
		passes := 0
		r := &poll.Runner{
			Source: &readsNothingAtFirst{Source: nodeByNode{600 * time.Millisecond}}, Store: usage.NewStore(keep, time.Now),
			Interval: 30 * time.Second, Metrics: poll.NewMetrics(prometheus.NewRegistry()), Log: logr.Discard(),
			OnPortion: func([]string) { portions = append(portions, passes) },
			OnPass:    func() { passes++ },
		}
		ctx, cancel := context.WithTimeout(t.Context(), 80*time.Second)
		defer cancel()
		if err := r.Start(ctx); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]int{1, 1}, portions); diff != "" || passes != 3 {
			t.Errorf("%d passes, passes over at each portion (-want +got):\n%s", passes, diff)
		}
	})
}
