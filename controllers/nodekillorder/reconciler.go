package nodekillorder

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/packed"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/status"
)

// Pods has the cluster's unfinished pods, by node.
type Pods interface {
	Node(name string) []*facts.Pod
}

// Kubelets are the nodes' own kubelets, as last read.
type Kubelets interface {
	// Config returns a kubelet's configuration, nil if the configuration is not known.
	Config(node string) *facts.KubeletConfig
	// Problem says in one sentence why a kubelet could not be read; "" if the kubelet answered, or was not asked.
	Problem(node string) string
}

// Kills are the kills found on the nodes.
type Kills interface {
	// Found returns the kills to be published on a node beside the published ones, and the keys of those that are none.
	Found(node string) (kills []v1alpha1.Kill, withdrawn []status.KillKey)
	// SetPublished takes the status that the API server has of a node, and the same status packed: an empty status where there is
	// no order yet. nil changes nothing.
	SetPublished(node string, s *v1alpha1.NodeKillOrderStatus, kept packed.Status)
	// AllPublished reports whether the published status shows each kill that was found on the node, and no death that was none.
	AllPublished(node string) bool
	// Forget drops a node that is gone.
	Forget(node string)
	// AddPastKills notes in the node's pods what killers did to the pods' workloads within the last day.
	AddPastKills(n *facts.Node)
	// RememberAdvice takes the limits that the fixes of findings advise.
	RememberAdvice(found []engine.Finding)
}

// Reconciler keeps the order of one node at a time.
type Reconciler struct {
	// Client reads from the manager's cache. Of NodeKillOrders the cache has the metadata only.
	Client client.Reader
	// Live reads a NodeKillOrder from the API server: one that another process wrote.
	Live  client.Reader
	Pods  Pods
	Usage facts.Readings
	// Kubelets has what kubelets say beside readings: configurations, and why a kubelet could not be read.
	Kubelets Kubelets
	Kills    Kills
	// Passed reports whether a first pass over the readings has come past the node. Before that there is nothing to publish.
	Passed  func(node string) bool
	Policy  func() *extract.Policy
	Writer  *publish.Writer
	Gate    *publish.Gate
	Metrics *publish.Metrics
	// EventBudget bounds the Events of each namespace and of the cluster. Instance names this process in the Events.
	EventBudget *publish.EventBudget
	Instance    string
	Clock       clock.PassiveClock

	states states
	// workers is how many nodes are reconciled at the same time; telling is how many of the workers create an Event now.
	workers int
	telling atomic.Int32
}

// +kubebuilder:rbac:groups="",resources=nodes;pods;namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=metrics.k8s.io,resources=nodes;pods,verbs=list
// +kubebuilder:rbac:groups=killorder.io,resources=nodekillorders,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=killorder.io,resources=nodekillorders/status,verbs=patch

// Reconcile brings the order of the named node up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	node, order := &corev1.Node{}, OrderMetadata()
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
		// A new leader learns from the order which kills of the node that is gone were published.
		current, err := r.current(ctx, r.states.of(req.Name), order)
		if err != nil {
			return ctrl.Result{}, err
		}
		published, err := current.packed.Unpack()
		if err != nil {
			return ctrl.Result{}, err
		}
		r.Kills.SetPublished(req.Name, published, current.packed)
		r.renew(req.Name)
		return ctrl.Result{}, r.Writer.DeleteOrder(ctx, order.Name, order.UID)
	case !r.Passed(req.Name):
		return ctrl.Result{}, nil // the first pass over the readings enqueues every node: once it has read the node, or at its end
	}
	if !hasOrder {
		order = nil
	}
	return r.update(ctx, node, order)
}

// visit is one reconcile of one node: what was known at the beginning, and what was decided.
type visit struct {
	node *corev1.Node
	// order is the metadata of the NodeKillOrder in the cache, nil if the cache has none.
	order   *metav1.PartialObjectMetadata
	state   *state
	current version
	// published is the current version's status: nil before it is unpacked, and where nothing was ever published.
	published *v1alpha1.NodeKillOrderStatus
	verdict   engine.Verdict
	next      v1alpha1.NodeKillOrderStatus
	// unchanged: next says no more than what is published.
	unchanged bool
	now       time.Time
	// maxAge of readings, by the policy that the node is judged with.
	maxAge time.Duration
}

// update decides what the order should say, publishes it if that is worth a write, and creates the Events that the
// published status calls for.
func (r *Reconciler) update(ctx context.Context, node *corev1.Node, order *metav1.PartialObjectMetadata) (ctrl.Result, error) {
	v := &visit{node: node, order: order, state: r.states.of(node.Name), now: r.Clock.Now()}
	if v.state.since.IsZero() {
		v.state.since = v.now
	}
	var err error
	if v.current, err = r.current(ctx, v.state, order); err != nil {
		return ctrl.Result{}, err
	}
	policy := r.Policy()
	v.maxAge = policy.MaxAge
	gathered := r.gather(node, policy)
	if r.stands(v, gathered, policy) {
		return ctrl.Result{}, nil
	}
	if v.published, err = v.current.packed.Unpack(); err != nil {
		return ctrl.Result{}, err
	}
	r.exchangeKills(v)
	v.decide(gathered, policy)
	r.Kills.RememberAdvice(v.verdict.Findings)
	v.state.summary.Store(status.Summarize(&v.verdict, &v.next))
	result, wrote, err := r.write(ctx, v)
	if err != nil || order == nil && !v.state.written() {
		return result, err // Events need the UID of an order
	}
	published := &v1alpha1.NodeKillOrder{ObjectMeta: metav1.ObjectMeta{Name: node.Name, UID: v.current.uid}}
	if wrote {
		published.UID = v.state.known.uid
	}
	switch {
	case wrote:
		published.Status = v.next
	case v.published != nil:
		published.Status = *v.published
	}
	told, err := r.emit(ctx, v, published)
	if err != nil {
		return ctrl.Result{}, err
	}
	if v.unchanged && told && v.published != nil {
		next := v.next
		next.LastChangedAt = v.published.LastChangedAt
		v.state.history.KeepStanding(&v.verdict, &next, &policy.Policy, policy.TopN, v.current.generation, v.now)
	}
	return result, nil
}

// stands reports whether the published status still says what there is to say of the node. Then nothing has to be unpacked,
// compared or written; only what the gauges show follows the readings.
func (r *Reconciler) stands(v *visit, n *facts.Node, policy *extract.Policy) bool {
	if !r.Kills.AllPublished(n.Name) {
		return false
	}
	v.state.history.SetKills(r.Kills.Found(n.Name))
	var unmoved bool
	v.verdict, v.next, unmoved = v.state.history.JudgeStanding(
		n, &policy.Policy, n.Name, policy.TopN, v.current.generation, v.current.writtenAt, v.now)
	if !unmoved {
		return false
	}
	r.Kills.RememberAdvice(v.verdict.Findings)
	v.state.summary.Store(status.Summarize(&v.verdict, &v.next))
	r.Metrics.Unchanged()
	return true
}

// exchangeKills tells the kills which status is published, and the node's history which kills are to be published.
func (r *Reconciler) exchangeKills(v *visit) {
	published := v.published
	if published == nil {
		published = &v1alpha1.NodeKillOrderStatus{}
	}
	r.Kills.SetPublished(v.node.Name, published, v.current.packed)
	v.state.history.SetKills(r.Kills.Found(v.node.Name))
}

// gather collects the node's facts from the caches: the Node, its kubelet's configuration, its pods and their readings.
func (r *Reconciler) gather(node *corev1.Node, policy *extract.Policy) *facts.Node {
	n := extract.Node(node)
	n.Config, n.KubeletUnread = r.Kubelets.Config(n.Name), r.Kubelets.Problem(n.Name)
	r.Metrics.AbsurdReadings(extract.Attach(&n, r.Pods.Node(n.Name), r.Usage, policy, r.namespaceLabels()))
	r.Kills.AddPastKills(&n)
	return &n
}

// decide asks nobody and writes nothing: from facts and the node's history to the verdict and the status that should be
// published. decide updates the history, which does not keep the published status: the node's state has that, packed.
func (v *visit) decide(n *facts.Node, policy *extract.Policy) {
	v.state.history.SetPublished(v.published)
	v.verdict, v.next = status.Judge(n, &policy.Policy, &v.state.history, policy.TopN, v.current.generation, v.now)
	v.state.history.SetPublished(nil)
}

// write publishes the status if the change is worth a write and the gate lets the node through now.
func (r *Reconciler) write(ctx context.Context, v *visit) (result ctrl.Result, wrote bool, err error) {
	if wait := status.Awaits(v.published, &v.next, v.maxAge, v.state.since, v.now); wait > 0 {
		r.Gate.Withdraw(v.node.Name)
		r.Metrics.HeldForInterval()
		return ctrl.Result{RequeueAfter: wait}, false, nil
	}
	plan := status.PlanWrite(v.node.Name, v.published, &v.next, v.verdict.AtRisk(), v.current.writtenAt, v.now)
	switch {
	case !plan.Write && plan.After == 0:
		v.unchanged = true
		r.Gate.Withdraw(v.node.Name)
		r.Metrics.Unchanged()
	case !plan.Write:
		r.Gate.Withdraw(v.node.Name)
		r.Metrics.HeldForInterval()
	case !r.Gate.Admit(v.node.Name, plan.Urgent || v.verdict.AtRisk()):
		r.Metrics.HeldForTurn() // the gate enqueues the node when its turn comes
	default:
		return ctrl.Result{}, true, r.publish(ctx, v)
	}
	return ctrl.Result{RequeueAfter: plan.After}, false, nil
}

func (r *Reconciler) publish(ctx context.Context, v *visit) error {
	if v.order == nil && !v.state.written() {
		v.state.created.Store(true) // before the watch can show the order
		if err := r.Writer.CreateOrder(ctx, v.node.Name, v.node.UID); err != nil {
			v.state.created.Store(false)
			r.Metrics.WriteFailed()
			return err
		}
		r.Gate.Charge() // two writes
		r.Metrics.Written()
	}
	kept, err := packed.Pack(&v.next)
	if err != nil {
		return err // before the write: a status that is written must be known
	}
	written, err := r.Writer.WriteOrder(ctx, v.node.Name, &v.next)
	if err != nil {
		if apierrors.IsNotFound(err) {
			v.state.deleted.Store(true) // somebody deleted the order, unseen: the next reconcile creates the order again
		}
		r.Metrics.WriteFailed()
		return err
	}
	v.state.known = version{
		packed: kept, uid: written.UID, resourceVersion: written.ResourceVersion, generation: v.current.generation, writtenAt: v.now,
	}
	r.Kills.SetPublished(v.node.Name, &v.next, kept)
	r.Metrics.Written()
	log.FromContext(ctx).V(1).Info("wrote status", "resourceVersion", written.ResourceVersion)
	return nil
}

func (r *Reconciler) get(ctx context.Context, name string, into client.Object) (found bool, err error) {
	err = r.Client.Get(ctx, types.NamespacedName{Name: name}, into, &client.GetOptions{UnsafeDisableDeepCopy: new(true)})
	if err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("read %T %s from the cache: %w", into, name, err)
	}
	return err == nil, nil
}

// renew forgets a Node that was deleted, but not yet what Events have told of the node's pods: another Node of the same name
// may follow at once, and have the same pods. If none does, the deletion of the order makes the reconciler forget the rest.
func (r *Reconciler) renew(node string) {
	r.Gate.Withdraw(node)
	r.Kills.Forget(node)
	s := r.states.of(node)
	s.history.Renew()
	s.known = version{}
	s.summary.Store(nil)
}

func (r *Reconciler) forget(node string) {
	r.Gate.Withdraw(node)
	r.Metrics.EventsLate(len(r.states.of(node).waiting))
	r.states.forget(node)
	r.Kills.Forget(node)
}

func ownedBy(order metav1.Object, uid types.UID) bool {
	return slices.ContainsFunc(order.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return o.UID == uid })
}
