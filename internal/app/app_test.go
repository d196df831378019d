package app

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// watched notes the kinds of which there are informers.
type watched struct {
	cache.Informers
	scheme *runtime.Scheme
	kinds  []string
	err    error
}

func (w *watched) GetInformer(_ context.Context, of client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	kind, err := apiutil.GVKForObject(of, w.scheme)
	w.kinds = append(w.kinds, kind.Kind)
	return nil, errors.Join(err, w.err)
}

// TestStandBy: a replica that stands by watches all that a leader watches, as far as the API server knows the kinds.
func TestStandBy(t *testing.T) {
	scheme, err := Scheme()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		err, want error
		kinds     []string
	}{
		"all are known": {kinds: []string{"Node", "Namespace", "NodeKillOrder", "KillOrderPolicy"}},
		"the definitions are not there yet": {
			err:   &meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "Anything"}},
			kinds: []string{"Node", "Namespace", "NodeKillOrder", "KillOrderPolicy"},
		},
		"the API server does not answer": {err: io.EOF, want: io.EOF, kinds: []string{"Node"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watched{scheme: scheme, err: tc.err}
			if err := standBy(w, logr.Discard()); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if diff := cmp.Diff(tc.kinds, w.kinds); diff != "" {
				t.Errorf("watched (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEnd: end waits for a manager whose caches have synced, and does not wait for one that cannot end.
func TestEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		told, synced bool
		// manager is when the manager ends, 0 for never.
		manager   time.Duration
		err, want error
		ends      time.Duration
	}{
		"the manager fails":                      {synced: true, manager: time.Hour, err: io.EOF, want: io.EOF, ends: time.Hour},
		"the manager fails before caches synced": {manager: time.Hour, err: io.EOF, want: io.EOF, ends: time.Hour},
		"told to end before caches synced":       {told: true, ends: time.Second},
		"told to end, the manager fails at once": {told: true, manager: time.Millisecond, err: io.EOF, want: io.EOF, ends: time.Millisecond},
		"told to end, the manager takes a while": {told: true, synced: true, manager: 9 * time.Second, ends: 9 * time.Second},
		"told to end, the manager fails later":   {told: true, synced: true, manager: time.Minute, err: io.EOF, want: io.EOF, ends: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				synced, ended := make(startedAfterCaches), make(chan error, 1)
				if tc.synced {
					if err := synced.Start(ctx); err != nil {
						t.Fatal(err)
					}
				}
				if tc.manager > 0 {
					time.AfterFunc(tc.manager, func() { ended <- tc.err })
				}
				if tc.told {
					cancel()
				}
				err := end(ctx, synced, ended)
				if took := time.Since(began); !errors.Is(err, tc.want) || (tc.want == nil && err != nil) || took != tc.ends {
					t.Errorf("error %v after %s, want %v after %s", err, took, tc.want, tc.ends)
				}
			})
		})
	}
}

// ordered notes what is enqueued.
type ordered struct{ first, then []string }

func (o *ordered) Add(node string)      { o.then = append(o.then, node) }
func (o *ordered) AddFirst(node string) { o.first = append(o.first, node) }

func TestEnqueueWhatChangedFirst(t *testing.T) {
	o := &ordered{}
	enqueue(o, []string{"a", "b", "c"}, func(node string) bool { return node == "b" })
	if diff := cmp.Diff(ordered{[]string{"b"}, []string{"a", "c"}}, *o, cmp.AllowUnexported(ordered{})); diff != "" {
		t.Errorf("enqueued (-want +got):\n%s", diff)
	}
}
