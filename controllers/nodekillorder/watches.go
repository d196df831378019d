package nodekillorder

import (
	"context"
	"maps"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/controllers/trigger"
	"github.com/killorder/killorder/internal/extract"
)

// SetUp registers the controller. The controller watches Nodes, the creation and deletion of NodeKillOrders, and labels of Namespaces;
// changes of pods, usage and policy, and turns that the gate grants, come through the trigger.
func (r *Reconciler) SetUp(mgr ctrl.Manager, nodes *trigger.Trigger, workers int) error {
	r.workers = workers
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return ctrl.NewControllerManagedBy(mgr).
		Named("nodekillorder").
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Watches(&corev1.Node{}, &handler.EnqueueRequestForObject{}, builder.WithPredicates(nodeChanged())).
		Watches(OrderMetadata(), r.foreignOrder()).
		Watches(namespace, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, _ client.Object) []reconcile.Request {
			return r.everyNode(ctx)
		}), builder.WithPredicates(labelsChanged())).
		WatchesRawSource(nodes.Source()).
		Complete(r)
}

// OrderMetadata is what the cache has of a NodeKillOrder. The status is 30 kilobytes decoded, and nearly each change of it
// is this process's own write, so nothing but the metadata is watched.
func OrderMetadata() *metav1.PartialObjectMetadata {
	order := &metav1.PartialObjectMetadata{}
	order.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("NodeKillOrder"))
	return order
}

// nodeChanged lets through a change of what extract reads of a Node. Heartbeats and other changes are noise.
func nodeChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.Node)
		after, ok2 := e.ObjectNew.(*corev1.Node)
		return !ok || !ok2 || !reflect.DeepEqual(extract.Node(before), extract.Node(after))
	}}
}

func labelsChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, // its pods come later, and enqueue their nodes
		DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels())
		},
	}
}

// foreignOrder enqueues the node of an order that another process created, and of one that was deleted, so that the order comes back.
// Updates enqueue nothing: nearly all of them are the operator's own writes.
func (r *Reconciler) foreignOrder() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q trigger.Queue) {
			if !r.isOwnCreation(ctx, e.Object) {
				q.Add(trigger.Request(e.Object.GetName())) // at the operator's start: the Node may be gone
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q trigger.Queue) {
			s := r.states.of(e.Object.GetName())
			s.deleted.Store(true)
			s.created.Store(false)
			q.Add(trigger.Request(e.Object.GetName()))
		},
	}
}

// isOwnCreation reports whether this process creates the order, for the Node that there is now: the reconcile that creates the order also
// writes and tells of it. A Node that is gone by now, or was replaced, needs another look.
func (r *Reconciler) isOwnCreation(ctx context.Context, order client.Object) bool {
	if !r.states.of(order.GetName()).created.Swap(false) {
		return false
	}
	node := &corev1.Node{}
	hasNode, err := r.get(ctx, order.GetName(), node)
	return err == nil && hasNode && ownedBy(order, node.UID)
}

func (r *Reconciler) everyNode(ctx context.Context) []reconcile.Request {
	nodes := &corev1.NodeList{}
	if err := r.Client.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "list Nodes from the cache")
		return nil
	}
	requests := make([]reconcile.Request, len(nodes.Items))
	for i := range nodes.Items {
		requests[i] = trigger.Request(nodes.Items[i].Name)
	}
	return requests
}

// EveryNode enqueues all nodes, after a change of policy.
func (r *Reconciler) EveryNode(ctx context.Context, t *trigger.Trigger) {
	r.EveryNodeBut(ctx, t, func(string) bool { return false })
}

// EveryNodeBut enqueues all nodes, after a pass over the readings, except those of which the pass has nothing new.
func (r *Reconciler) EveryNodeBut(ctx context.Context, t *trigger.Trigger, nothingNew func(node string) bool) {
	for _, req := range r.everyNode(ctx) {
		if !nothingNew(req.Name) {
			t.Add(req.Name)
		}
	}
}

// namespaceLabels returns a function that looks up the labels of a namespace in the cache, each namespace once. A
// namespace that the cache does not have has no labels.
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
