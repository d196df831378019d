package nodekillorder

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/controllers/trigger"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/packed"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/status"
)

const nodeName = "worker-1"

// world is a cluster as a Reconciler sees it: objects in a fake client, pods and readings in memory.
type world struct {
	*Reconciler
	t     *testing.T
	clock *testclock.FakePassiveClock
	pods  []*facts.Pod
	// usage of the pod's container and nodeUsage of the node, in bytes; readings are as fresh as the clock.
	usage, nodeUsage int64
	// calls are the writes that reached the API server, and fail says which error the next one of a kind gets.
	calls []string
	fail  map[string]error
	// lagging is the order as the cache still shows it; nil while the cache is up to date.
	lagging *v1alpha1.NodeKillOrder
	// kills found on the node; published is how many the order had, each time that was told; forgotten nodes.
	kills     []v1alpha1.Kill
	published []int
	forgotten int
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, eventsv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{
		t: t, clock: testclock.NewFakePassiveClock(factstest.Now), fail: map[string]error{}, usage: 200 << 20, nodeUsage: 8 << 30,
		pods: []*facts.Pod{
			{
				Namespace: "shop", Name: "payments-api", UID: "pay", Priority: 100000,
				Containers: []facts.Container{{Name: "app", Running: true}},
			},
		},
	}
	call := func(name string) error {
		w.calls = append(w.calls, name)
		err := w.fail[name]
		delete(w.fail, name)
		return err
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.NodeKillOrder{}).WithObjects(objects...).
		WithInterceptorFuncs(interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
				if err := w.fail["get"]; err != nil {
					return err
				}
				if order, ok := o.(*metav1.PartialObjectMetadata); ok && order.Kind == "NodeKillOrder" && w.lagging != nil {
					w.lagging.ObjectMeta.DeepCopyInto(&order.ObjectMeta)
					return nil
				}
				return c.Get(ctx, key, o) // the fake client has no cache, so it cannot share what it returns
			},
			Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
				if err := call("create"); err != nil {
					return err
				}
				return c.Patch(ctx, o, patch, opts...)
			},
			SubResourcePatch: func(
				ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption,
			) error {
				if err := call(sub); err != nil {
					return err
				}
				return c.SubResource(sub).Patch(ctx, o, patch, opts...)
			},
			Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
				if err := call("delete"); err != nil {
					return err
				}
				return c.Delete(ctx, o, opts...)
			},
			Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				if e, ok := o.(*eventsv1.Event); ok {
					if err := call("event " + e.Reason); err != nil {
						return err
					}
				}
				return c.Create(ctx, o, opts...)
			},
		}).Build()
	gate, policy := publish.NewGate(1000, func(string) {}), extract.DefaultPolicy()
	w.Reconciler = &Reconciler{
		Client: c, Live: c, Pods: w, Usage: readings{w}, Kubelets: w, Kills: w, Policy: func() *extract.Policy { return policy }, Passed: func(string) bool { return true },
		Writer: &publish.Writer{Client: c}, Gate: gate, Metrics: publish.NewMetrics(prometheus.NewRegistry(), gate),
		EventBudget: &publish.EventBudget{}, Instance: "test", Clock: w.clock,
	}
	return w
}

// Found returns the kills of the world.
func (w *world) Found(string) ([]v1alpha1.Kill, []status.KillKey) { return w.kills, nil }

// SetPublished remembers the kills that the API server has.
func (w *world) SetPublished(_ string, s *v1alpha1.NodeKillOrderStatus, _ packed.Status) {
	if s != nil {
		w.published = append(w.published, len(s.Kills))
	}
}

// Forget counts the nodes that are gone.
func (w *world) Forget(string) { w.forgotten++ }

// AllPublished reports whether the world has no kills of its own.
func (w *world) AllPublished(string) bool { return len(w.kills) == 0 }

// AddPastKills and RememberAdvice have nothing to add to the facts.
func (w *world) AddPastKills(*facts.Node)        {}
func (w *world) RememberAdvice([]engine.Finding) {}

// readings of the world: fresh, unless it is silent.
type readings struct{ *world }

func (r readings) Node(string) (facts.NodeReading, bool) {
	return facts.NodeReading{
		Source: facts.SourceKubelet, ObservedAt: r.clock.Now(), WorkingSet: r.nodeUsage,
		PodsWorkingSet: facts.Unknown, Available: facts.Unknown,
	}, true
}

func (r readings) Pod(string, string) (facts.PodReading, bool) {
	usage := facts.ContainerUsage{WorkingSet: r.usage, RSS: r.usage, Swap: facts.Unknown}
	return facts.PodReading{
		Source: facts.SourceKubelet, ObservedAt: r.clock.Now(), WorkingSet: r.usage,
		Containers: []facts.ContainerReading{{Name: "app", ContainerUsage: usage}},
	}, true
}

func (w *world) Node(string) []*facts.Pod           { return w.pods }
func (w *world) Config(string) *facts.KubeletConfig { return nil }
func (w *world) Problem(string) string              { return "" }

// reconcile the node after some time, and return the writes that it took.
func (w *world) reconcile(after time.Duration) (calls []string, result ctrl.Result, err error) {
	w.clock.SetTime(w.clock.Now().Add(after))
	w.calls = nil
	result, err = w.Reconcile(w.t.Context(), trigger.Request(nodeName))
	return w.calls, result, err
}

func (w *world) order() *v1alpha1.NodeKillOrder {
	w.t.Helper()
	o := &v1alpha1.NodeKillOrder{}
	err := w.Client.Get(w.t.Context(), types.NamespacedName{Name: nodeName}, o)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func node(uid types.UID) *corev1.Node {
	memory := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("16Gi")}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName, UID: uid},
		Status: corev1.NodeStatus{
			Capacity: memory, Allocatable: memory,
			NodeInfo: corev1.NodeSystemInfo{OperatingSystem: "linux", KubeletVersion: "v1.37.2"},
		},
	}
}

func orderOwnedBy(uid types.UID) *v1alpha1.NodeKillOrder {
	return &v1alpha1.NodeKillOrder{ObjectMeta: metav1.ObjectMeta{
		Name: nodeName, OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: nodeName, UID: uid}},
	}}
}

// Which writes one reconcile makes, by what there is of the node and its order.
func TestReconcileWrites(t *testing.T) {
	failed := apierrors.NewInternalError(errors.New("etcd is gone"))
	conflict := apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("nodekillorders").GroupResource(), nodeName, errors.New("uid"))
	for name, tc := range map[string]struct {
		objects   []client.Object
		fail      map[string]error
		notPassed bool
		wantCalls []string
		wantErr   bool
	}{
		"neither node nor order":                     {},
		"a new node":                                 {objects: []client.Object{node("n1")}, wantCalls: []string{"create", "status", "event CriticalPodAtRisk", "event CriticalPodAtRisk"}},
		"a new node, readings were not read yet":     {objects: []client.Object{node("n1")}, notPassed: true},
		"an order that was never filled":             {objects: []client.Object{node("n1"), orderOwnedBy("n1")}, wantCalls: []string{"status", "event CriticalPodAtRisk", "event CriticalPodAtRisk"}},
		"an order of another node of this name":      {objects: []client.Object{node("n2"), orderOwnedBy("n1")}, wantCalls: []string{"delete"}},
		"an order whose node is gone":                {objects: []client.Object{orderOwnedBy("n1")}, wantCalls: []string{"delete"}},
		"an order whose node is gone, deleted twice": {objects: []client.Object{orderOwnedBy("n1")}, fail: map[string]error{"delete": apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("nodekillorders").GroupResource(), nodeName)}, wantCalls: []string{"delete"}},
		"the order was replaced while it is deleted": {objects: []client.Object{orderOwnedBy("n1")}, fail: map[string]error{"delete": conflict}, wantCalls: []string{"delete"}},
		"deleting fails":                             {objects: []client.Object{orderOwnedBy("n1")}, fail: map[string]error{"delete": failed}, wantCalls: []string{"delete"}, wantErr: true},
		"creating fails":                             {objects: []client.Object{node("n1")}, fail: map[string]error{"create": failed}, wantCalls: []string{"create"}, wantErr: true},
		"writing the status fails":                   {objects: []client.Object{node("n1")}, fail: map[string]error{"status": failed}, wantCalls: []string{"create", "status"}, wantErr: true},
		"creating an Event fails":                    {objects: []client.Object{node("n1"), orderOwnedBy("n1")}, fail: map[string]error{"event CriticalPodAtRisk": failed}, wantCalls: []string{"status", "event CriticalPodAtRisk", "event CriticalPodAtRisk"}, wantErr: true},
		"a namespace takes no Events": {
			objects:   []client.Object{node("n1"), orderOwnedBy("n1")},
			fail:      map[string]error{"event CriticalPodAtRisk": apierrors.NewForbidden(eventsv1.Resource("events"), "x", errors.New("quota"))},
			wantCalls: []string{"status", "event CriticalPodAtRisk", "event CriticalPodAtRisk"},
		},
		"an Event exists already":  {objects: []client.Object{node("n1"), orderOwnedBy("n1")}, fail: map[string]error{"event CriticalPodAtRisk": apierrors.NewAlreadyExists(eventsv1.Resource("events"), "x")}, wantCalls: []string{"status", "event CriticalPodAtRisk", "event CriticalPodAtRisk"}},
		"the cache cannot be read": {objects: []client.Object{node("n1")}, fail: map[string]error{"get": failed}, wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.objects...)
			if tc.fail != nil {
				w.fail = tc.fail
			}
			w.Passed = func(string) bool { return !tc.notPassed }
			calls, _, err := w.reconcile(0)
			if diff := cmp.Diff(tc.wantCalls, calls); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != tc.wantErr {
				t.Errorf("error %v, want one: %t", err, tc.wantErr)
			}
		})
	}
}

// A new leader offers the Events again that the leader before has created. They take nothing of the budget: what is new is told at once.
func TestEventsThatExistTakeNoBudget(t *testing.T) {
	left := func(b *publish.EventBudget, namespace string, now time.Time) (n int) {
		for {
			if _, ok := b.Allow(namespace, now); !ok {
				return n
			}
			n++
		}
	}
	for name, tc := range map[string]struct {
		fail error
		took int
	}{
		"both are new":    {nil, 2},
		"one was created": {apierrors.NewAlreadyExists(eventsv1.Resource("events"), "x"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, node("n1"), orderOwnedBy("n1"))
			if tc.fail != nil {
				w.fail = map[string]error{"event CriticalPodAtRisk": tc.fail}
			}
			calls, _, err := w.reconcile(0)
			if err != nil || len(calls) != 3 {
				t.Fatalf("writes %q, error %v; want a status and two Events", calls, err)
			}
			now, namespace := w.clock.Now(), w.pods[0].Namespace
			want := left(&publish.EventBudget{}, namespace, now) - tc.took
			if got := left(w.EventBudget, namespace, now); got != want {
				t.Errorf("%d Events are left, want %d", got, want)
			}
		})
	}
}

// From the first order on, the object is written for changes only, urgent ones at once and others once in 30 seconds.
func TestReconcileOverTime(t *testing.T) {
	w := newWorld(t, node("n1"))
	must := func(after time.Duration, wantCalls ...string) ctrl.Result {
		t.Helper()
		calls, result, err := w.reconcile(after)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(calls, wantCalls) {
			t.Errorf("writes %q, want %q", calls, wantCalls)
		}
		return result
	}
	must(0, "create", "status", "event CriticalPodAtRisk", "event CriticalPodAtRisk")
	must(time.Second)
	must(time.Second)
	w.usage += 1 << 20
	must(time.Second) // noise
	w.usage += 100 << 20
	if r := must(time.Second); r.RequeueAfter != 26*time.Second {
		t.Errorf("looks again after %s, want 26 s: the object was written 4 s ago", r.RequeueAfter)
	}
	must(26*time.Second, "status")
	w.nodeUsage = 15 << 30 // a critical pod is at the front, and now there is little left: that cannot wait
	must(time.Second, "status")
	if o := w.order(); o.Status.Summary.CriticalAtRisk != 1 || o.OwnerReferences[0].UID != "n1" {
		t.Errorf("order %+v", o)
	}
	must(31*time.Minute, "status") // nothing changed, but a reader must be able to tell old from unchanged
}

// Events follow what was written, also while the cache still shows the version before: each is created at once, and once.
func TestEventsFollowWhatWasWritten(t *testing.T) {
	w := newWorld(t, node("n1"))
	must := func(wantCalls ...string) {
		t.Helper()
		calls, _, err := w.reconcile(time.Second)
		if err != nil || !slices.Equal(calls, wantCalls) {
			t.Errorf("writes %q, error %v; want %q", calls, err, wantCalls)
		}
	}
	w.fail["event CriticalPodAtRisk"] = apierrors.NewInternalError(errors.New("etcd is gone"))
	calls, _, err := w.reconcile(time.Second)
	if want := []string{"create", "status", "event CriticalPodAtRisk", "event CriticalPodAtRisk"}; err == nil || !slices.Equal(calls, want) {
		t.Errorf("writes %q, error %v; want %q and the error of an Event", calls, err, want)
	}
	before := w.order()
	before.ResourceVersion, before.Status = "1", v1alpha1.NodeKillOrderStatus{}
	w.lagging = before
	must("event CriticalPodAtRisk") // the one that failed
	must()
	w.lagging = nil
	must()
}

// An Event that fails does not hold up the node's others, and one that is refused for what it says is not tried again.
func TestAnEventThatFailsHoldsUpNoOther(t *testing.T) {
	events := schema.GroupResource{Resource: "events"}
	tests := map[string]struct {
		fail      error // of the first Event
		wantErr   bool
		wantLater []string // a second after
	}{
		"nothing fails":            {},
		"refused for what it says": {fail: apierrors.NewInvalid(schema.GroupKind{Kind: "Event"}, "x", nil)},
		"malformed":                {fail: apierrors.NewBadRequest("no")},
		"a quota is used up":       {fail: apierrors.NewForbidden(events, "x", nil), wantLater: []string{"event CriticalPodAtRisk"}},
		"a webhook is broken": {
			fail: apierrors.NewInternalError(errors.New("webhook")), wantErr: true, wantLater: []string{"event CriticalPodAtRisk"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, node("n1"))
			w.fail["event CriticalPodAtRisk"] = tc.fail
			calls, result, err := w.reconcile(time.Second)
			if want := []string{"create", "status", "event CriticalPodAtRisk", "event CriticalPodAtRisk"}; !slices.Equal(calls, want) || (err != nil) != tc.wantErr {
				t.Errorf("writes %q, error %v; want %q, an error %t", calls, err, want, tc.wantErr)
			}
			if err != nil && result != (ctrl.Result{}) {
				t.Errorf("%+v beside an error", result)
			}
			if calls, _, err := w.reconcile(time.Second); err != nil || !slices.Equal(calls, tc.wantLater) {
				t.Errorf("a second after: writes %q, error %v; want %q", calls, err, tc.wantLater)
			}
		})
	}
}

// A status that could not be written is written by the next reconcile, which does not create the order again.
func TestReconcileAfterAFailedWrite(t *testing.T) {
	w := newWorld(t, node("n1"))
	w.fail["status"] = apierrors.NewTimeoutError("no answer", 1)
	if _, _, err := w.reconcile(0); err == nil {
		t.Fatal("a failed write is no success")
	}
	calls, _, err := w.reconcile(time.Second)
	if err != nil || calls[0] != "status" {
		t.Errorf("writes %q, error %v", calls, err)
	}
}

// A node is judged when the watch shows an order that another process has created, and not again for one that this process has created.
func TestOrdersOfOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		fail        error     // of the creation
		owner       types.UID // of the order that the watch shows
		shown, want int
	}{
		"created by this process":                                 {nil, "n1", 1, 0},
		"created by this process, deleted and created by another": {nil, "n1", 2, 1},
		"created by another":                                      {apierrors.NewTimeoutError("no answer", 1), "n1", 1, 1},
		"created by this process for a Node that was replaced":    {nil, "n0", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, node("n1"))
			w.fail["create"] = tc.fail
			if _, _, err := w.reconcile(0); (err != nil) != (tc.fail != nil) {
				t.Fatal(err)
			}
			queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			defer queue.ShutDown()
			for range tc.shown {
				w.foreignOrder().Create(t.Context(), event.CreateEvent{Object: orderOwnedBy(tc.owner)}, queue)
			}
			if got := queue.Len(); got != tc.want {
				t.Errorf("%d nodes wait to be judged, want %d", got, tc.want)
			}
		})
	}
}

// An order that somebody deleted while the watch was interrupted is created again, once a write has told that the order is gone.
func TestReconcileAnOrderThatIsGoneUnseen(t *testing.T) {
	w := newWorld(t, node("n1"))
	must := func(wantErr bool, wantCalls ...string) {
		t.Helper()
		calls, _, err := w.reconcile(time.Minute)
		if (err != nil) != wantErr || !slices.Equal(calls, wantCalls) {
			t.Errorf("writes %q, error %v; want %q, an error %t", calls, err, wantCalls, wantErr)
		}
	}
	must(false, "create", "status", "event CriticalPodAtRisk", "event CriticalPodAtRisk")
	if err := w.Writer.Client.Delete(t.Context(), w.order()); err != nil {
		t.Fatal(err)
	}
	w.usage += 100 << 20
	w.fail["status"] = apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("nodekillorders").GroupResource(), nodeName)
	must(true, "status")
	must(false, "create", "status") // and no Event that was told before
}

// A node that comes back under its name is another node: its order, and what was remembered of the node, start anew.
func TestReconcileARecreatedNode(t *testing.T) {
	w := newWorld(t, node("n1"))
	for range 2 {
		if _, _, err := w.reconcile(time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Writer.Client.Update(t.Context(), node("n2")); err != nil {
		t.Fatal(err)
	}
	var calls []string
	for range 3 {
		c, _, err := w.reconcile(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c...)
	}
	if !slices.Equal(calls[:3], []string{"delete", "create", "status"}) {
		t.Errorf("writes %q", calls)
	}
	if o := w.order(); o == nil || o.OwnerReferences[0].UID != "n2" {
		t.Errorf("order %+v", o)
	}
}
