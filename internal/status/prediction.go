package status

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/packed"
)

// Prediction is what one published status said: what a later kill is compared with.
type Prediction struct {
	// PublishedAt is when the status was written.
	PublishedAt time.Time

	// lastKill is the newest kill that the status shows, zero if it shows none.
	lastKill time.Time
	packed   packed.Status
}

// PredictionOf returns what a published status predicts, nil if the status was never written. kept is the same status.
func PredictionOf(s *v1alpha1.NodeKillOrderStatus, kept packed.Status) *Prediction {
	if s == nil || s.LastChangedAt == nil {
		return nil
	}
	p := &Prediction{PublishedAt: s.LastChangedAt.Time, packed: kept}
	if len(s.Kills) > 0 {
		p.lastKill = s.Kills[0].Time.Time
	}
	return p
}

// Same reports whether two predictions say the same, and were published in the same second.
func (p *Prediction) Same(q *Prediction) bool { return p.packed.Equal(q.packed) }

// said is a published status, opened to look a victim up.
type said struct {
	*v1alpha1.NodeKillOrderStatus
}

// open returns what was published; false if that cannot be read any more, which is as if nothing was published.
func (p *Prediction) open() (said, bool) {
	if p == nil {
		return said{}, false
	}
	s, err := p.packed.Unpack()
	return said{s}, err == nil && s != nil
}

// place of a pod, or of a container, in an order.
type place struct {
	namespace, pod, uid, container string
	headroom                       *resource.Quantity // of its own limit
}

// order returns the places of a killer's order, first to last.
func (s said) order(killer v1alpha1.Killer) (order []place) {
	switch killer {
	case v1alpha1.KillerEviction:
		for i := range s.EvictionOrder {
			e := &s.EvictionOrder[i]
			order = append(order, place{namespace: e.Namespace, pod: e.Pod, uid: string(e.UID)})
		}
	case v1alpha1.KillerOOM:
		for i := range s.OOMOrder {
			e := &s.OOMOrder[i]
			order = append(order, place{namespace: e.Namespace, pod: e.Pod, container: e.Container})
		}
	case v1alpha1.KillerLimit:
		for i := range s.LimitOrder {
			e := &s.LimitOrder[i]
			left := e.Limit.DeepCopy()
			left.Sub(e.Usage)
			order = append(order, place{namespace: e.Namespace, pod: e.Pod, container: e.Container, headroom: &left})
		}
	}
	return order
}

// headroom returns the bytes left until a killer of the node acts, nil where that is unknown.
func (s said) headroom(killer v1alpha1.Killer) *resource.Quantity {
	switch {
	case s.Memory == nil:
		return nil
	case killer == v1alpha1.KillerEviction:
		return s.Memory.Headroom
	case killer == v1alpha1.KillerOOM:
		return s.Memory.OOMHeadroom
	}
	return nil
}

// Before returns the newest of the predictions, oldest first, that was published before the kill; nil if none was.
// A node's clock may be ahead of the operator's, so a prediction must also be older than the moment at which the
// operator saw the kill.
//
// Times are whole seconds, so of a prediction and a kill within one second nobody can say which was first. Such a
// prediction counts if the order was made without knowing of the kill: the order lists the victim as alive, and shows no
// kill of that second. Else a pod that dies right after its first order would count as not foreseen.
func Before(predictions []*Prediction, k *v1alpha1.Kill) *Prediction {
	at := k.Time.Time
	if k.SeenAt.Time.Before(at) {
		at = k.SeenAt.Time
	}
	for _, p := range slices.Backward(predictions) {
		if p.PublishedAt.Before(at) || (p.PublishedAt.Equal(at) && p.lastKill.Before(at) && p.lists(k)) {
			return p
		}
	}
	return nil
}

// lists reports whether the victim stands in the order of its killer.
func (p *Prediction) lists(k *v1alpha1.Kill) bool {
	s, ok := p.open()
	return ok && slices.ContainsFunc(s.order(killersOf[k.Cause]), func(v place) bool { return v.is(k) })
}

// killersOf are the orders that a cause is compared with; a cause that is not here has no order.
var killersOf = map[v1alpha1.KillCause]v1alpha1.Killer{
	v1alpha1.CauseEviction:       v1alpha1.KillerEviction,
	v1alpha1.CausePodsOOM:        v1alpha1.KillerOOM,
	v1alpha1.CauseNodeOOM:        v1alpha1.KillerOOM,
	v1alpha1.CauseContainerLimit: v1alpha1.KillerLimit,
	v1alpha1.CausePodLimit:       v1alpha1.KillerLimit,
}

// Compare notes in the kill what was predicted of the victim, and who was the culprit. p is nil if nothing was published
// before the kill.
//
// A pod that reached a limit of its own brought nobody down but itself, so such a kill has no other culprit.
func Compare(k *v1alpha1.Kill, p *Prediction) {
	k.Predicted, k.Culprit, k.WrongVictim = nil, "", false
	killer, contest := killersOf[k.Cause]
	if !contest {
		return
	}
	s, ok := p.open()
	if !ok {
		return
	}
	k.Predicted = s.of(killer, k)
	if c := s.CulpritRef; killer != v1alpha1.KillerLimit && c != nil && c.UID != k.UID {
		k.Culprit, k.WrongVictim = c.Namespace+"/"+c.Pod, true
		if c.Workload != nil {
			k.Culprit = c.Namespace + "/" + c.Workload.Name
		}
	}
}

// of returns where the victim stood in a killer's order, nil if that order was empty: then nothing was predicted.
func (s said) of(killer v1alpha1.Killer, k *v1alpha1.Kill) *v1alpha1.KillPrediction {
	order := s.order(killer)
	if len(order) == 0 {
		return nil
	}
	out := &v1alpha1.KillPrediction{Killer: killer, Headroom: s.headroom(killer)}
	if s.Usage != nil {
		out.ObservedAt = s.Usage.ObservedAt
	}
	if i := slices.IndexFunc(order, func(v place) bool { return v.is(k) }); i >= 0 {
		out.Rank = int32(i + 1)
		if order[i].headroom != nil {
			out.Headroom = order[i].headroom
		}
	}
	return out
}

// is reports whether the place is the victim's. A kill of a pod as a whole, or at the pod's limit, is foreseen by any of
// the pod's places; the kill of a container by the container's own place, or by the pod-level limit's.
func (v *place) is(k *v1alpha1.Kill) bool {
	switch {
	case v.uid != "":
		return v.uid == string(k.UID)
	case v.namespace != k.Namespace || v.pod != k.Pod:
		return false
	case k.Cause == v1alpha1.CausePodLimit:
		return v.container == ""
	}
	return k.Container == "" || v.container == k.Container
}

// Scored reports whether a kill counts for or against the predictions: an order of the right killer was published
// before, and the cause is not a guess. Limits are left out: which container reaches its own limit is no contest.
func Scored(k *v1alpha1.Kill) bool {
	return k.Predicted != nil && k.Predicted.Killer != v1alpha1.KillerLimit && k.Confidence != v1alpha1.ConfidenceLow
}
