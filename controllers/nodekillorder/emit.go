package nodekillorder

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/status"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create

// emit creates the Events that a published status calls for. An Event's name says what happened and when: the API server refuses
// the same Event after a restart or by another leader. The names of created Events are remembered only to save requests. A later
// reconcile creates the Events that the rate holds back and those that failed, also those that the status does not call for any more;
// all is true if there are none of them. An Event that fails does not hold up the others; err has all failures that a namespace's
// owner did not cause.
func (r *Reconciler) emit(ctx context.Context, v *visit, published *v1alpha1.NodeKillOrder) (all bool, err error) {
	done, waiting, failed := map[string]bool{}, map[string]*eventsv1.Event{}, map[string]bool{}
	for _, e := range withWaiting(status.Events(published, &v.verdict, r.Instance, v.now), v.state.waiting, v.now) {
		key := keyOf(e)
		if v.state.emitted[key] {
			done[key] = true
			continue
		}
		if !r.mayTell() {
			waiting[key] = e
			continue
		}
		giveBack, ok := r.EventBudget.Allow(e.Namespace, v.now)
		if !ok {
			r.told()
			waiting[key] = e
			continue
		}
		created, createErr := r.Writer.CreateEvent(ctx, e)
		r.told()
		switch {
		case created:
			r.Metrics.Event(e.Reason)
			r.EventBudget.Created(e.Namespace)
		case apierrors.IsInvalid(createErr), apierrors.IsBadRequest(createErr):
			log.FromContext(ctx).Error(createErr, "an Event is refused for what it says, and is left out", "event", key)
			r.Metrics.EventRefused()
		case apierrors.IsForbidden(createErr): // a quota or an admission rule of the namespace
			log.FromContext(ctx).V(1).Info("an Event is refused", "event", key, "error", createErr.Error())
			failed[e.Namespace], waiting[key] = true, e
			continue
		case createErr != nil:
			failed[e.Namespace], waiting[key] = true, e
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
		r.EventBudget.Failed(namespace, r.Clock.Now())
	}
	return len(waiting) == 0, err
}

// mayTell reports whether a worker may create an Event now. If so, the worker takes a place, and gives the place back by told. There are
// places for three quarters of the workers: an admission webhook may take half a minute for an Event, and orders must be written meanwhile.
func (r *Reconciler) mayTell() bool {
	if int(r.telling.Add(1)) <= max(1, r.workers*3/4) {
		return true
	}
	r.told()
	return false
}

// told gives back the place that mayTell gave.
func (r *Reconciler) told() { r.telling.Add(-1) }

func keyOf(e *eventsv1.Event) string { return e.Namespace + "/" + e.Name }

// mostWaiting is how many Events of a node wait that the status does not call for any more: as many as a status can call for, two for
// each entry of atRisk and one for a wrong victim.
const mostWaiting = 2*v1alpha1.MaxAtRisk + 1

// withWaiting adds, to the Events that a status calls for, those that waited and that the status does not call for any more, the
// oldest first, while they may still be told: a pod that left the front and came back has no closed entry any more.
// What they warned of is over, and their notes say so.
func withWaiting(events []*eventsv1.Event, waited map[string]*eventsv1.Event, now time.Time) []*eventsv1.Event {
	if len(waited) == 0 {
		return events
	}
	called := make(map[string]bool, len(events))
	for _, e := range events {
		called[keyOf(e)] = true
	}
	var others []*eventsv1.Event
	for key, e := range waited {
		if !called[key] && status.MayBeTold(e, now) {
			status.TellLate(e)
			others = append(others, e)
		}
	}
	slices.SortFunc(others, func(a, b *eventsv1.Event) int {
		return cmp.Or(a.EventTime.Compare(b.EventTime.Time), cmp.Compare(keyOf(a), keyOf(b)))
	})
	return append(events, others[:min(len(others), mostWaiting)]...)
}

// over counts the Events that waited and are neither done nor waiting now: they were too old, or too many.
func over(waited map[string]*eventsv1.Event, done map[string]bool, waiting map[string]*eventsv1.Event) (n int) {
	for key := range waited {
		if !done[key] && waiting[key] == nil {
			n++
		}
	}
	return n
}
