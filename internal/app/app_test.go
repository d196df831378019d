package app

import (
	"context"
	"errors"
	"io"
	"testing"

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

// TestEnd: before its caches have synced nobody waits for the manager, which would not end.
func TestEnd(t *testing.T) {
	for name, tc := range map[string]struct {
		told, synced  bool
		manager, want error // of a manager that ends; nil where the manager does not end
	}{
		"the manager fails":                   {synced: true, manager: io.EOF, want: io.EOF},
		"the manager fails at once":           {manager: io.EOF, want: io.EOF},
		"told to end before caches synced":    {told: true},
		"told to end, and the manager failed": {told: true, synced: true, manager: io.EOF, want: io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			synced, ended := make(startedAfterCaches), make(chan error, 1)
			if tc.synced {
				if err := synced.Start(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if tc.manager != nil {
				ended <- tc.manager
			}
			if tc.told {
				cancel()
			}
			if err := end(ctx, synced, ended); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
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
