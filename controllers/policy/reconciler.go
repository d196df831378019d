// Package policy keeps the one KillOrderPolicy. The controller puts the policy's spec in force, creates a policy that is
// missing, and has publish.Writer write the cluster's roll-up, which package status makes, into the policy's status. The controller
// never changes a spec. Current remembers the policy in force.
package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/controllers/trigger"
	"github.com/killorder/killorder/internal/engine/audit"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/status"
)

const (
	// minInterval is the least time between two writes of the roll-up.
	minInterval = time.Minute
	// judgedWithin is how long after the first pass of a new process the roll-up waits for the last node to be judged, and
	// lookAgain how often the roll-up looks meanwhile. What an earlier process has published stays until then.
	judgedWithin, lookAgain = 2 * time.Minute, time.Second
)

// Kills are counted over the cluster.
type Kills interface {
	// Load takes the counts that the policy has, and does so once.
	Load(h *v1alpha1.KillHistory)
	// RollUp writes the counts into a status.
	RollUp(s *v1alpha1.KillOrderPolicyStatus)
}

// Reconciler keeps the KillOrderPolicy.
type Reconciler struct {
	// Client reads from the manager's cache.
	Client  client.Reader
	Writer  *publish.Writer
	Current *Current
	// Changed is called when another policy came into force.
	Changed func(context.Context)
	// Nodes returns a summary of each node as last judged. Replicas counts the pods of workloads.
	Nodes func() []*status.NodeSummary
	// Judged reports whether each Node was judged by this process.
	Judged   func(context.Context) bool
	Replicas func([]facts.WorkloadKey) map[facts.WorkloadKey]int32
	// LastPass returns when the readings were last taken, the zero time before the first pass.
	LastPass func() time.Time
	Kills    Kills
	Clock    clock.PassiveClock

	// firstPass is the first pass that this process made.
	firstPass time.Time
}

// +kubebuilder:rbac:groups=killorder.io,resources=killorderpolicies,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=killorder.io,resources=killorderpolicies/status,verbs=patch

// Reconcile puts the policy in force and rolls the cluster up into its status.
func (r *Reconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	policy := &v1alpha1.KillOrderPolicy{}
	err := r.Client.Get(ctx, types.NamespacedName{Name: v1alpha1.PolicyName}, policy)
	switch {
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, r.Writer.CreatePolicy(ctx)
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("read the KillOrderPolicy: %w", err)
	}
	r.Kills.Load(policy.Status.KillHistory)
	accepted := r.enforce(ctx, policy)
	pass := r.LastPass()
	if last := policy.Status.LastPassAt; last != nil && (pass.IsZero() || pass.Sub(last.Time).Abs() < minInterval) &&
		sameVerdict(policy, accepted) {
		return ctrl.Result{}, nil // the next pass comes back to it
	}
	if !pass.IsZero() && !r.complete(ctx, pass) {
		if sameVerdict(policy, accepted) {
			return ctrl.Result{RequeueAfter: lookAgain}, nil
		}
		return ctrl.Result{RequeueAfter: lookAgain}, r.writeStatus(ctx, policy, accepted, time.Time{})
	}
	return ctrl.Result{}, r.writeStatus(ctx, policy, accepted, pass)
}

// complete reports whether the summaries are those of the whole cluster, or some node could not be judged for long.
func (r *Reconciler) complete(ctx context.Context, pass time.Time) bool {
	if r.firstPass.IsZero() {
		r.firstPass = pass
	}
	return r.Judged(ctx) || r.Clock.Now().Sub(r.firstPass) >= judgedWithin
}

// enforce puts the policy in force if the policy is valid; otherwise the policy before stays in force.
func (r *Reconciler) enforce(ctx context.Context, policy *v1alpha1.KillOrderPolicy) metav1.Condition {
	c := metav1.Condition{
		Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted,
		Message: "The policy is in force.", ObservedGeneration: policy.Generation,
	}
	parsed, err := extract.NewPolicy(policy)
	if err != nil {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonInvalid, "The policy before stays in force: "+err.Error()
		return c
	}
	if r.Current.replace(parsed, policy) {
		r.Changed(ctx)
	}
	if unknown := unknownRules(policy.Spec.DisabledFindings); len(unknown) > 0 {
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonUnknownFindings
		c.Message = "In force, but spec.disabledFindings names rules that do not exist: " + strings.Join(unknown, ", ")
	}
	return c
}

func unknownRules(names []string) (unknown []string) {
	known := audit.Names()
	for _, name := range names {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// sameVerdict reports whether the published condition already says the same of this generation.
func sameVerdict(policy *v1alpha1.KillOrderPolicy, accepted metav1.Condition) bool {
	c := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionAccepted)
	return c != nil && c.Status == accepted.Status && c.Reason == accepted.Reason && c.ObservedGeneration == accepted.ObservedGeneration
}

func (r *Reconciler) writeStatus(ctx context.Context, policy *v1alpha1.KillOrderPolicy, accepted metav1.Condition, pass time.Time) error {
	next := policy.Status
	if !pass.IsZero() {
		next = status.RollUp(r.Nodes(), r.Replicas)
		next.LastPassAt = new(status.Stamp(pass))
	}
	r.Kills.RollUp(&next)
	next.Conditions = policy.Status.DeepCopy().Conditions
	accepted.LastTransitionTime = status.Stamp(r.Clock.Now())
	meta.SetStatusCondition(&next.Conditions, accepted)
	return r.Writer.WritePolicy(ctx, &next)
}

// SetUp registers the controller; passed fires after each usage pass.
func (r *Reconciler) SetUp(mgr ctrl.Manager, passed *trigger.Trigger) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("killorderpolicy").
		Watches(&v1alpha1.KillOrderPolicy{}, &handler.EnqueueRequestForObject{},
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(passed.Source(v1alpha1.PolicyName)).
		Complete(r)
}
