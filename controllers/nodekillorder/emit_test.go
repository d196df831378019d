package nodekillorder

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/status"
)

// Events that are never created are counted, each once: those that wait for the bound or for their namespace count when the order does
// not call for them any more. Two Events are due at the start, one for each killer of the critical pod.
func TestEventsLeftOut(t *testing.T) {
	useUp := func(w *world) {
		for ok := true; ok; {
			_, ok = w.EventBudget.Allow(w.pods[0].Namespace, w.clock.Now())
		}
	}
	for name, tc := range map[string]struct {
		before                func(w *world) // the Events are due
		then                  func(w *world) // before a second reconcile, some time after
		after                 time.Duration
		wantLate, wantRefused float64
		wantCreated           float64
	}{
		"both are created": {before: func(*world) {}, then: func(*world) {}, wantCreated: 2},
		"they wait":        {before: useUp, then: func(*world) {}},
		"too many are being created": {
			before: func(w *world) { w.telling.Store(1) }, then: func(w *world) { w.telling.Store(0) }, wantCreated: 2,
		},
		"too many are being created all the time": {before: func(w *world) { w.telling.Store(1) }, then: func(*world) {}, after: time.Minute},
		"they come later":                         {before: useUp, then: func(*world) {}, after: 5 * time.Second, wantCreated: 2},
		"the pod is gone":                         {before: useUp, then: func(w *world) { w.pods = nil }, after: time.Minute, wantCreated: 2},
		"the pod is gone for ten minutes":         {before: useUp, then: func(w *world) { w.pods = nil }, after: 11 * time.Minute, wantLate: 2},
		"the node is gone":                        {before: useUp, then: removeNode, after: time.Minute, wantLate: 2},
		"ten minutes passed":                      {before: useUp, then: func(*world) {}, after: 11 * time.Minute, wantLate: 2},
		"the text is refused":                     {before: refuse, then: func(*world) {}, after: time.Second, wantRefused: 1, wantCreated: 1},
		"the namespace takes none, and then the pod is gone": {
			before: func(w *world) {
				w.fail["event CriticalPodAtRisk"] = apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "x", nil)
			},
			then: func(w *world) { w.pods = nil }, after: time.Minute, wantCreated: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, registry := newWorld(t, node("n1"), orderOwnedBy("n1")), prometheus.NewRegistry()
			w.Metrics = publish.NewMetrics(registry, w.Gate)
			tc.before(w)
			for i, after := range []time.Duration{0, tc.after, 0} {
				if i == 1 {
					tc.then(w)
				}
				if _, _, err := w.reconcile(after); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff([]float64{tc.wantLate, tc.wantRefused}, samples(t, registry, "killorder_events_left_out_total")); diff != "" {
				t.Errorf("late and refused (-want +have)\n%s", diff)
			}
			created := samples(t, registry, "killorder_events_total")[0] // of CriticalPodAtRisk, the first one by name
			if created != tc.wantCreated {
				t.Errorf("%v Events are created, want %v", created, tc.wantCreated)
			}
		})
	}
}

// TestEventsOfAPodThatComesBack: a pod leaves the front and comes back while the bound holds its Events back. The order forgets the
// first time; each of the three transitions still has one Event for each killer.
func TestEventsOfAPodThatComesBack(t *testing.T) {
	w, registry := newWorld(t, node("n1"), orderOwnedBy("n1")), prometheus.NewRegistry()
	w.Metrics = publish.NewMetrics(registry, w.Gate)
	pods := w.pods
	reconcile := func(after time.Duration, there []*facts.Pod, held bool) {
		t.Helper()
		w.pods = there
		for ok := held; ok; {
			_, ok = w.EventBudget.Allow(pods[0].Namespace, w.clock.Now().Add(after))
		}
		if _, _, err := w.reconcile(after); err != nil {
			t.Fatal(err)
		}
	}
	reconcile(0, pods, true)
	reconcile(30*time.Second, nil, true)
	reconcile(30*time.Second, pods, true)
	reconcile(time.Minute, pods, false)
	late := samples(t, registry, "killorder_events_left_out_total")[0]
	created := samples(t, registry, "killorder_events_total")
	if atRisk, safe := created[0], created[1]; atRisk != 4 || safe != 2 || late != 0 {
		t.Errorf("%v Events of a risk, %v of its end, %v late; want 4, 2 and 0", atRisk, safe, late)
	}
}

// TestWithWaiting: what the status calls for goes first; of the rest the oldest, as many as there is room for, with notes that say that
// what they warned of is over.
func TestWithWaiting(t *testing.T) {
	now := factstest.Now
	event := func(name string, age time.Duration, reason string) *eventsv1.Event {
		return &eventsv1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, EventTime: metav1.NewMicroTime(now.Add(-age)),
			Reason: reason, Type: corev1.EventTypeWarning, Note: "Note.",
		}
	}
	waited := map[string]*eventsv1.Event{}
	wait := func(e *eventsv1.Event) { waited[keyOf(e)] = e }
	wait(event("called", 3*time.Minute, status.EventCriticalPodAtRisk))
	wait(event("old", 11*time.Minute, status.EventCriticalPodAtRisk))
	wait(event("risk", 5*time.Minute, status.EventCriticalPodAtRisk))
	wait(event("safe", 4*time.Minute, status.EventCriticalPodSafe))
	for i := range mostWaiting {
		wait(event(fmt.Sprintf("many-%02d", i), time.Minute-time.Duration(i)*time.Second/2, status.EventWrongVictimPredicted))
	}
	for range 2 { // an Event may wait through several reconciles
		got := withWaiting([]*eventsv1.Event{event("called", 3*time.Minute, status.EventCriticalPodAtRisk)}, waited, now)
		var names []string
		for _, e := range got {
			names = append(names, e.Name+" "+e.Type+" "+e.Note)
		}
		want := []string{
			"called Warning Note.", "risk Normal Over by now, told late. Note.", "safe Warning Note.",
			"many-00 Normal Over by now, told late. Note.", "many-01 Normal Over by now, told late. Note.",
		}
		if len(got) != 1+mostWaiting {
			t.Errorf("%d Events, want %d", len(got), 1+mostWaiting)
		}
		if diff := cmp.Diff(want, names[:len(want)]); diff != "" {
			t.Errorf("the first Events (-want +have)\n%s", diff)
		}
	}
}

// refuse the first Event for what it says.
func refuse(w *world) {
	kind := schema.GroupKind{Group: "events.k8s.io", Kind: "Event"}
	w.fail["event CriticalPodAtRisk"] = apierrors.NewInvalid(kind, "x", field.ErrorList{field.TooLong(field.NewPath("note"), nil, 1024)})
}

// samples of a counter, in the order of its labels' values.
func samples(t *testing.T, registry *prometheus.Registry, name string) (values []float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name {
				values = append(values, metric.GetCounter().GetValue())
			}
		}
	}
	return values
}

// removeNode deletes the Node.
func removeNode(w *world) {
	w.t.Helper()
	if err := w.Writer.Client.Delete(w.t.Context(), node("n1")); err != nil {
		w.t.Fatal(err)
	}
}

// TestANamespaceWaitsFromItsFailure: an admission webhook takes half a minute to refuse an Event. Only then does the namespace begin to wait.
func TestANamespaceWaitsFromItsFailure(t *testing.T) {
	w := newWorld(t, node("n1"), orderOwnedBy("n1"))
	w.Writer.Client = interceptor.NewClient(w.Writer.Client.(client.WithWatch), interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			w.clock.SetTime(w.clock.Now().Add(30 * time.Second))
			return apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "x", nil)
		},
	})
	began := w.clock.Now()
	if _, _, err := w.reconcile(0); err != nil {
		t.Fatal(err)
	}
	if w.clock.Since(began) < 30*time.Second {
		t.Fatal("no Event was tried")
	}
	if _, ok := w.EventBudget.Allow(w.pods[0].Namespace, w.clock.Now()); ok {
		t.Error("the namespace may have another Event right after its failure")
	}
}

// TestAQuarterOfTheWorkersCreatesNoEvents: however many Events wait for the API server.
func TestAQuarterOfTheWorkersCreatesNoEvents(t *testing.T) {
	for workers, want := range map[int]int{1: 1, 2: 1, 4: 3, 8: 6, 64: 48} {
		r := &Reconciler{workers: workers}
		got := 0
		for r.mayTell() {
			got++
		}
		if got != want || r.mayTell() {
			t.Errorf("%d of %d workers may create Events, want %d", got, workers, want)
		}
		if r.told(); !r.mayTell() {
			t.Errorf("%d workers: nobody may create an Event after one was created", workers)
		}
	}
}
