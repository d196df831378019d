package status

import (
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// Challenger is a pod that beat the published culprit after one pass over the readings. If the pod beats the culprit after
// the next pass too, the pod becomes the culprit. The zero value means that there is no challenger.
type Challenger struct {
	UID string
	// Pass is the pass in which the pod beat the culprit, named by the time of its readings.
	Pass time.Time
}

// settleCulprit keeps the published culprit until another pod beats the culprit by a quarter in two passes, or until
// the culprit is gone, or harmless by a quarter.
func settleCulprit(v *engine.Verdict, prev *v1alpha1.CulpritReference, c Challenger) (engine.Culprit, Challenger) {
	now := v.Culprit
	if prev != nil && !v.GrowthKnown && v.Freshness != engine.Unavailable {
		return stillOn(v.Node, prev), Challenger{}
	}
	if prev == nil {
		return now, Challenger{}
	}
	incumbent := incumbentOf(v.Node, prev)
	same := now.PodState != nil && now.UID == string(prev.UID)
	switch {
	case incumbent.PodState == nil, same && now.Grew:
		return now, Challenger{}
	case same, !beats(now, incumbent):
		return incumbent, Challenger{}
	}
	pass := v.Node.Usage.ObservedAt
	if c.UID != now.UID {
		return incumbent, Challenger{UID: now.UID, Pass: pass}
	}
	if pass.After(c.Pass) {
		return now, c // the pod stays the challenger until the status that names it is written, which may take a while
	}
	return incumbent, c
}

// incumbentOf returns the published culprit, by the published reason if that still holds, or else by the other one; the
// zero Culprit if neither accuses the pod any more.
func incumbentOf(n *facts.Node, prev *v1alpha1.CulpritReference) engine.Culprit {
	uid := string(prev.UID)
	if c := engine.StillCulprit(n, uid, prev.Reason == v1alpha1.CulpritGrowth); c.PodState != nil {
		return c
	}
	return engine.CulpritAmong(n, func(p *facts.PodState) bool { return p.UID == uid })
}

// beats reports whether the pod that the readings of now accuse is clearly worse than the incumbent: a pod that grows beats
// a pod that is only over its request; within one reason the amount decides, by a quarter.
func beats(now, incumbent engine.Culprit) bool {
	if now.PodState == nil || now.UID == incumbent.UID || incumbent.Grew && !now.Grew {
		return false
	}
	return now.Grew != incumbent.Grew || now.Amount-incumbent.Amount > incumbent.Amount/4
}

// stillOn returns the published culprit, if the pod is still on the node: after a restart of the operator a second reading
// is needed before another pod can be accused.
func stillOn(n *facts.Node, prev *v1alpha1.CulpritReference) engine.Culprit {
	p := n.PodOf(string(prev.UID))
	if p == nil {
		return engine.Culprit{}
	}
	return engine.Culprit{PodState: p, Grew: prev.Reason == v1alpha1.CulpritGrowth, Amount: prev.Amount.Value()}
}
