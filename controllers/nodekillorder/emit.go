package nodekillorder

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/status"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create

// emit creates the Events that a published status calls for. An Event's name says what happened and when: the API server refuses
// the same Event after a restart or by another leader. The names of created Events are remembered only to save requests. A later
// reconcile creates the Events that the rate holds back and those that failed; all is true if there are none of them. An Event
// that fails does not hold up the others; err has all failures that a namespace's owner did not cause.
func (r *Reconciler) emit(ctx context.Context, v *visit, published *v1alpha1.NodeKillOrder) (all bool, err error) {
	done, waiting, failed := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, e := range status.Events(published, &v.verdict, r.Instance, v.now) {
		key := e.Namespace + "/" + e.Name
		if v.state.emitted[key] {
			done[key] = true
			continue
		}
		giveBack, ok := r.EventBudget.Allow(e.Namespace, v.now)
		if !ok {
			waiting[key] = true
			continue
		}
		created, createErr := r.Writer.CreateEvent(ctx, e)
		switch {
		case created:
			r.Metrics.Event(e.Reason)
			r.EventBudget.Created(e.Namespace)
		case apierrors.IsInvalid(createErr), apierrors.IsBadRequest(createErr):
			log.FromContext(ctx).Error(createErr, "an Event is refused for what it says, and is left out", "event", key)
			r.Metrics.EventRefused()
		case apierrors.IsForbidden(createErr): // a quota or an admission rule of the namespace
			log.FromContext(ctx).V(1).Info("an Event is refused", "event", key, "error", createErr.Error())
			failed[e.Namespace], waiting[key] = true, true
			continue
		case createErr != nil:
			failed[e.Namespace], waiting[key] = true, true
			err = errors.Join(err, createErr)
			continue
		default: // the leader before created the Event: what is new must not wait for that
			giveBack()
		}
		done[key] = true
	}
	r.Metrics.EventsLate(over(v.state.waiting, done, waiting))
	v.state.emitted, v.state.waiting = done, waiting
	for namespace := range failed { // only now: a namespace that waits gets none of the node's other Events
		r.EventBudget.Failed(namespace, v.now)
	}
	return len(waiting) == 0, err
}

// over counts the Events that waited and that the status does not call for any more: those are neither done nor waiting now.
func over(waited, done, waiting map[string]bool) (n int) {
	for key := range waited {
		if !done[key] && !waiting[key] {
			n++
		}
	}
	return n
}
