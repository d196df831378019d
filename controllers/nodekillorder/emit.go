package nodekillorder

import (
	"context"
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/status"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create

// emit creates the Events that a published status calls for. An Event's name says what happened and when: the API server refuses
// the same Event after a restart or by another leader. The names of created Events are remembered only to save requests. A later
// reconcile creates the Events that the rate holds back and those that are refused; all is true if there are none of them.
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
		created, err := r.Writer.CreateEvent(ctx, e)
		switch {
		case created:
			r.Metrics.Event(e.Reason)
		case apierrors.IsForbidden(err):
			// A quota or an admission rule of the namespace, whose owner must not hold up the Events of others.
			log.FromContext(ctx).V(1).Info("an Event is refused", "event", key, "error", err.Error())
			all = false
			continue
		case err != nil:
			maps.Copy(called, v.state.emitted)
			v.state.emitted = called
			return false, err
		}
		called[key] = true
	}
	v.state.emitted = called
	return all, nil
}
