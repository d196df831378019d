// Package nodekillorder keeps one NodeKillOrder per Node: gather what is known, decide what is true and
// whether that is worth a write, publish.
package nodekillorder

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/publish"
)

// Pods is the cluster's unfinished pods by node.
type Pods interface {
	Node(name string) []*facts.Pod
}

// Reconciler keeps the order of one node at a time.
type Reconciler struct {
	// Client reads from the manager's cache and writes to the API server.
	Client client.Client
	Pods   Pods
	Usage  facts.Readings
	// Passed: a first pass over the readings was made; until then there is nothing to publish.
	Passed  func() bool
	Policy  func() *extract.Policy
	Writer  *publish.Writer
	Gate    *publish.Gate
	Metrics *publish.Metrics
	Clock   clock.PassiveClock

	states states
}

// +kubebuilder:rbac:groups="",resources=nodes;pods;namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=metrics.k8s.io,resources=nodes;pods,verbs=list
// +kubebuilder:rbac:groups=killorder.io,resources=nodekillorders,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=killorder.io,resources=nodekillorders/status,verbs=patch

// Reconcile brings the order of the named node up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	node, order := &corev1.Node{}, &v1alpha1.NodeKillOrder{}
	hasNode, err := r.get(ctx, req.Name, node)
	if err != nil {
		return ctrl.Result{}, err
	}
	hasOrder, err := r.get(ctx, req.Name, order)
	if err != nil {
		return ctrl.Result{}, err
	}
	switch {
	case !hasNode && !hasOrder:
		r.forget(req.Name)
		return ctrl.Result{}, nil
	case !hasNode, hasOrder && !ownedBy(order, node.UID):
		r.forget(req.Name)
		return ctrl.Result{}, r.delete(ctx, order)
	case !r.Passed():
		return ctrl.Result{}, nil // the first pass enqueues every node
	}
	if !hasOrder {
		order = nil
	}
	return r.update(ctx, node, order)
}

// update decides what the order should say, and publishes it if that is worth a write.
func (r *Reconciler) update(ctx context.Context, node *corev1.Node, order *v1alpha1.NodeKillOrder) (ctrl.Result, error) {
	now, policy, state := r.Clock.Now(), r.Policy(), r.states.of(node.Name)
	current := state.current(order)
	next, verdict := r.decide(node, state, current, policy, now)
	state.summary.Store(publish.Summarize(&verdict, next))

	plan := publish.PlanWrite(node.Name, current.status, next, current.writtenAt, now)
	switch {
	case !plan.Write && plan.After == 0:
		r.Gate.Withdraw(node.Name)
		r.Metrics.Unchanged()
		return ctrl.Result{}, nil
	case !plan.Write:
		r.Gate.Withdraw(node.Name)
		r.Metrics.HeldForInterval()
		return ctrl.Result{RequeueAfter: plan.After}, nil
	case !r.Gate.Admit(node.Name, verdict.AtRisk()):
		r.Metrics.HeldForTurn()
		return ctrl.Result{}, nil // the gate enqueues the node when its turn comes
	}
	return ctrl.Result{}, r.publish(ctx, node, order, state, next, now)
}

// decide is the pure part: facts, verdict, and the status that follows.
func (r *Reconciler) decide(node *corev1.Node, state *state, current version, policy *extract.Policy, now time.Time) (*v1alpha1.NodeKillOrderStatus, engine.Verdict) {
	f := extract.Node(node)
	absurd := extract.Attach(&f, r.Pods.Node(node.Name), r.Usage, policy, r.namespaceLabels())
	r.Metrics.AbsurdReadings(absurd)
	verdict := engine.Evaluate(&f, &policy.Policy, now)
	prev := current.status
	if prev == nil {
		prev = &v1alpha1.NodeKillOrderStatus{}
	}
	verdict, state.challenger = publish.Settle(verdict, &policy.Policy, prev, state.challenger)
	next := publish.Status(&verdict, &policy.Policy, prev, policy.TopN, current.generation, now)
	return &next, verdict
}

func (r *Reconciler) publish(ctx context.Context, node *corev1.Node, order *v1alpha1.NodeKillOrder, state *state, next *v1alpha1.NodeKillOrderStatus, now time.Time) error {
	if order == nil && !state.written() {
		if err := r.Writer.Create(ctx, node.Name, node.UID); err != nil {
			r.Metrics.WriteFailed()
			return err
		}
		r.Gate.Charge() // two writes
		r.Metrics.Written()
	}
	resourceVersion, err := r.Writer.WriteStatus(ctx, node.Name, next)
	if err != nil {
		r.Metrics.WriteFailed()
		return err
	}
	state.wrote(version{status: next, resourceVersion: resourceVersion, writtenAt: now})
	r.Metrics.Written()
	log.FromContext(ctx).V(1).Info("wrote status", "resourceVersion", resourceVersion)
	return nil
}

func (r *Reconciler) get(ctx context.Context, name string, into client.Object) (found bool, err error) {
	err = r.Client.Get(ctx, types.NamespacedName{Name: name}, into, &client.GetOptions{UnsafeDisableDeepCopy: new(true)})
	if err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("read %T %s from the cache: %w", into, name, err)
	}
	return err == nil, nil
}

// delete removes an order whose Node is gone, or was replaced by another of its name. Clusters collect such
// orders as garbage by their owner; those without a garbage collector need this.
func (r *Reconciler) delete(ctx context.Context, order *v1alpha1.NodeKillOrder) error {
	err := r.Client.Delete(ctx, order, client.Preconditions{UID: &order.UID})
	if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete NodeKillOrder %s, whose Node is gone: %w", order.Name, err)
	}
	return nil
}

func (r *Reconciler) forget(node string) {
	r.Gate.Withdraw(node)
	r.states.forget(node)
}

func ownedBy(order *v1alpha1.NodeKillOrder, uid types.UID) bool {
	for _, o := range order.OwnerReferences {
		if o.UID == uid {
			return true
		}
	}
	return false
}
