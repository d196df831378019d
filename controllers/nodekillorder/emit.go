package nodekillorder

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/status"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create

// emit creates the Events that a published status calls for. An Event's name says what happened and when: creating the
// Event again, after a restart or by another leader, is refused as AlreadyExists, which counts as success. The names of
// created Events are remembered only to save requests. An Event that the rate holds back, or that is refused, is created by a
// later reconcile: all tells whether there is none of these.
func (r *Reconciler) emit(ctx context.Context, v *visit, published *v1alpha1.NodeKillOrder) (all bool, err error) {
	all = true
	called := map[string]bool{}
	for _, e := range status.Events(published, &v.verdict, r.Instance, v.now) {
		key := e.Namespace + "/" + e.Name
		if called[key] = v.state.emitted[key]; called[key] {
			continue
		}
		if !r.EventBudget.Allow(e.Namespace, v.now) {
			all = false
			continue
		}
		err := r.Client.Create(ctx, e, client.FieldOwner(publish.FieldManager))
		switch {
		case err == nil:
			r.Metrics.Event(e.Reason)
		case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause), apierrors.IsNotFound(err), apierrors.IsAlreadyExists(err):
		case apierrors.IsForbidden(err):
			// A quota or an admission rule of the namespace, whose owner must not hold up the Events of others.
			log.FromContext(ctx).V(1).Info("an Event is refused", "event", key, "error", err.Error())
			all = false
			continue
		default:
			maps.Copy(called, v.state.emitted)
			v.state.emitted = called
			return false, fmt.Errorf("create Event %s: %w", key, err)
		}
		called[key] = true
	}
	v.state.emitted = called
	return all, nil
}
