package nodekillorder

import (
	"context"
	"maps"
	"reflect"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Trigger enqueues nodes for reasons that are not watched objects: pods and usage have caches of their own.
// Before the controller starts there is nothing to enqueue into; it then sees every Node anyway.
type Trigger struct {
	q atomic.Pointer[queue]
}

// Node enqueues one node.
func (t *Trigger) Node(name string) {
	if q := t.q.Load(); q != nil {
		(*q).Add(requestFor(name))
	}
}

// Granted enqueues a node whose turn to write has come, ahead of others.
func (t *Trigger) Granted(name string) {
	q := t.q.Load()
	if q == nil {
		return
	}
	if pq, ok := (*q).(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		pq.AddWithOpts(priorityqueue.AddOpts{Priority: new(1)}, requestFor(name))
		return
	}
	(*q).Add(requestFor(name))
}

func requestFor(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}

func (t *Trigger) source() source.Source {
	return source.Func(func(_ context.Context, q queue) error {
		t.q.Store(&q)
		return nil
	})
}

// SetUp registers the controller: it watches Nodes, its own orders' deletion, and Namespaces' labels; pods,
// usage, policy and the gate come through the trigger.
func (r *Reconciler) SetUp(mgr ctrl.Manager, trigger *Trigger, workers int) error {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return ctrl.NewControllerManagedBy(mgr).
		Named("nodekillorder").
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Watches(&corev1.Node{}, &handler.EnqueueRequestForObject{}, builder.WithPredicates(nodeChanged())).
		Watches(&v1alpha1.NodeKillOrder{}, r.orderDeleted()).
		Watches(namespace, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, _ client.Object) []reconcile.Request {
			return r.everyNode(ctx)
		}), builder.WithPredicates(labelsChanged())).
		WatchesRawSource(trigger.source()).
		Complete(r)
}

// nodeChanged lets through changes of what extract reads; heartbeats, images and other conditions are noise.
func nodeChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.Node)
		after, ok2 := e.ObjectNew.(*corev1.Node)
		return !ok || !ok2 || !reflect.DeepEqual(extract.Node(before), extract.Node(after))
	}}
}

func labelsChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, // its pods come after it
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels())
		},
	}
}

// orderDeleted brings back orders that somebody deleted; writes, which are our own, re-queue nothing.
func (r *Reconciler) orderDeleted() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) {
			q.Add(requestFor(e.Object.GetName())) // at start: its Node may be gone
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			r.states.of(e.Object.GetName()).deleted.Store(true)
			q.Add(requestFor(e.Object.GetName()))
		},
	}
}

func (r *Reconciler) everyNode(ctx context.Context) []reconcile.Request {
	nodes := &corev1.NodeList{}
	if err := r.Client.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "list Nodes from the cache")
		return nil
	}
	requests := make([]reconcile.Request, len(nodes.Items))
	for i := range nodes.Items {
		requests[i] = requestFor(nodes.Items[i].Name)
	}
	return requests
}

// EveryNode enqueues all nodes: after a usage pass, or a change of policy.
func (r *Reconciler) EveryNode(ctx context.Context, t *Trigger) {
	for _, req := range r.everyNode(ctx) {
		t.Node(req.Name)
	}
}

// namespaceLabels looks namespaces up in the cache, each once; an unknown namespace has no labels.
func (r *Reconciler) namespaceLabels() func(string) labels.Labels {
	known := map[string]labels.Labels{}
	return func(name string) labels.Labels {
		if l, ok := known[name]; ok {
			return l
		}
		namespace := &metav1.PartialObjectMetadata{}
		namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
		found, err := r.get(context.Background(), name, namespace)
		if err != nil || !found {
			known[name] = labels.Set(nil)
		} else {
			known[name] = labels.Set(namespace.Labels)
		}
		return known[name]
	}
}
