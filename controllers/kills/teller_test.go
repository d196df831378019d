package kills

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/status"
)

// teller of the world over a fake API server, whose creations fail while fail is set.
func (w *world) teller(fail *error, created *[]string) *Teller {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, eventsv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			w.t.Fatal(err)
		}
	}
	order := &v1alpha1.NodeKillOrder{ObjectMeta: metav1.ObjectMeta{Name: node, UID: "order-uid"}}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(order).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if *fail != nil {
				return *fail
			}
			return c.Create(ctx, o, opts...)
		},
	}).Build()
	return &Teller{
		Book: w.Book, Client: c, Writer: &publish.Writer{Client: c}, EventBudget: &publish.EventBudget{}, Instance: "test",
		Created: func(reason string) { *created = append(*created, reason) },
	}
}

func TestTellerTellsOnceWhateverFails(t *testing.T) {
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop")
	tests := map[string]struct {
		fail        error // of the first attempt
		wantEvents  int
		wantCreated int
		wantLeftOut int
	}{
		"nothing fails":            {wantEvents: 1, wantCreated: 1},
		"API server away":          {fail: errors.New("connection refused"), wantEvents: 1, wantCreated: 1},
		"namespace gone":           {fail: gone},
		"told by another leader":   {fail: apierrors.NewAlreadyExists(schema.GroupResource{Resource: "events"}, "x")},
		"refused for what it says": {fail: apierrors.NewBadRequest("no"), wantLeftOut: 1},
		"a quota is used up":       {fail: apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "x", nil), wantEvents: 1, wantCreated: 1},
		"a webhook is broken":      {fail: apierrors.NewInternalError(errors.New("webhook")), wantEvents: 1, wantCreated: 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.lead()
			w.take(death("a", "", w.ago(time.Second), forensics.CauseEviction, forensics.High))
			w.publish()
			fail, created := tc.fail, []string(nil)
			teller := w.teller(&fail, &created)
			teller.Step(t.Context())
			fail = nil
			for range 3 {
				w.clock.SetTime(w.clock.Now().Add(time.Second))
				teller.Step(t.Context())
			}
			events := &eventsv1.EventList{}
			if err := teller.Client.List(t.Context(), events); err != nil {
				t.Fatal(err)
			}
			if len(events.Items) != tc.wantEvents || len(created) != tc.wantCreated {
				t.Errorf("%d events, %d counted; want %d and %d", len(events.Items), len(created), tc.wantEvents, tc.wantCreated)
			}
			if got := w.leftOut()[leftOutEvent]; got != tc.wantLeftOut {
				t.Errorf("%d left out, want %d", got, tc.wantLeftOut)
			}
		})
	}
}

func TestPodKilledSaysWhatHappened(t *testing.T) {
	w := newWorld(t)
	w.order = v1alpha1.NodeKillOrderStatus{
		LastChangedAt: new(status.Stamp(w.ago(time.Minute))),
		EvictionOrder: []v1alpha1.EvictionVictim{{Namespace: "shop", Pod: "a", UID: "uid-a"}},
		CulpritRef:    &v1alpha1.CulpritReference{Namespace: "data", Pod: "pipeline", UID: "other"},
	}
	w.lead()
	w.take(death("a", "", w.ago(time.Second), forensics.CauseEviction, forensics.High))
	w.take(death("b", "app", w.ago(time.Second), forensics.CausePodsOOM, forensics.Medium))
	w.publish()
	var none error
	teller := w.teller(&none, &[]string{})
	teller.Step(t.Context())
	events := &eventsv1.EventList{}
	if err := teller.Client.List(t.Context(), events); err != nil || len(events.Items) != 1 {
		t.Fatalf("%d events, %v", len(events.Items), err)
	}
	e := &events.Items[0]
	want := "The kubelet evicted this pod for memory on node worker-1 (Eviction, confidence High). the evidence. " +
		"1 other kill(s) on the node within seconds. The culprit was data/pipeline, not this pod. " +
		"Set the pod's memory request above what the pod uses. More: kubectl killorder diagnose pod/a -n shop"
	if diff := cmp.Diff(want, e.Note); diff != "" {
		t.Errorf("note (-want +got):\n%s", diff)
	}
	if e.Regarding.UID != "uid-a" || e.Related.UID != "order-uid" || e.Type != "Warning" || e.Reason != "PodKilled" || e.Namespace != "shop" {
		t.Errorf("got %+v", e)
	}
	if !strings.HasPrefix(e.Name, "podkilled.uid-a.") {
		t.Errorf("name %s", e.Name)
	}
}

// TestTenantsDoNotSilenceEachOther: one namespace's thousand kills leave room for another's.
func TestTenantsDoNotSilenceEachOther(t *testing.T) {
	w := newWorld(t)
	w.lead()
	for i := range 60 {
		r := death(string(rune('a'+i%26))+string(rune('a'+i/26)), "", w.ago(time.Minute), forensics.CauseEviction, forensics.High)
		w.take(r)
		w.publish()
	}
	other := death("quiet", "", w.ago(time.Second), forensics.CauseEviction, forensics.High)
	other.Namespace = "quiet"
	w.take(other)
	w.publish()
	var none error
	teller := w.teller(&none, &[]string{})
	teller.Step(t.Context())
	events := &eventsv1.EventList{}
	if err := teller.Client.List(t.Context(), events, client.InNamespace("quiet")); err != nil || len(events.Items) != 1 {
		t.Errorf("the quiet namespace has %d events, %v; want 1", len(events.Items), err)
	}
}

// refuse lets the creation of an Event fail where fails returns an error.
func (t *Teller) refuse(fails func(client.Object) error) {
	t.Writer.Client = interceptor.NewClient(t.Client.(client.WithWatch), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := fails(o); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
	})
}

// TestNamespacesThatTakeNoEvents are tried less and less often, and the kills of others are told at once.
func TestNamespacesThatTakeNoEvents(t *testing.T) {
	tests := map[string]error{
		"quota":          apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "x", errors.New("exceeded quota")),
		"broken webhook": apierrors.NewInternalError(errors.New("failed calling webhook")),
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.lead()
			in := func(namespace string) {
				r := death(namespace, "", w.ago(time.Second), forensics.CauseEviction, forensics.High)
				r.Namespace = namespace
				w.take(r)
			}
			for i := range 10 {
				in(fmt.Sprint("refuses-", i))
			}
			w.publish()
			var none error
			var created []string
			tries := 0
			teller := w.teller(&none, &created)
			teller.refuse(func(o client.Object) error {
				if o.GetNamespace() == "quiet" {
					return nil
				}
				tries++
				return fail
			})
			for range 60 {
				teller.Step(t.Context())
				w.clock.SetTime(w.clock.Now().Add(time.Second))
			}
			if tries < 10 || tries > 10*6 {
				t.Errorf("%d tries in a minute, want one to six in each of ten namespaces", tries)
			}
			in("quiet")
			w.publish()
			if teller.Step(t.Context()); len(created) != 1 {
				t.Errorf("%d Events in the other namespace, want 1", len(created))
			}
		})
	}
}

// TestAnEventThatFailsHoldsBackNoOther of its namespace for long.
func TestAnEventThatFailsHoldsBackNoOther(t *testing.T) {
	w := newWorld(t)
	w.lead()
	w.take(death("a-fails", "", w.ago(time.Minute), forensics.CauseEviction, forensics.High))
	for i := range 5 {
		w.take(death(fmt.Sprint("p", i), "", w.ago(time.Second), forensics.CauseEviction, forensics.High))
	}
	w.publish()
	var none error
	var created []string
	teller := w.teller(&none, &created)
	teller.refuse(func(o client.Object) error {
		if o.(*eventsv1.Event).Regarding.Name == "a-fails" {
			return apierrors.NewInternalError(errors.New("failed calling webhook"))
		}
		return nil
	})
	for range 2 {
		teller.Step(t.Context())
		w.clock.SetTime(w.clock.Now().Add(time.Second))
	}
	if len(created) != 5 {
		t.Errorf("%d Events, want 5", len(created))
	}
}
