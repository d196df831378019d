package status

import (
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// Challenger is a pod that beat the published culprit in one pass; it replaces it if it does in the next.
// The zero value is none.
type Challenger struct {
	UID string
	// Pass in which it did, by the time of its readings.
	Pass time.Time
}

// settleCulprit keeps the published culprit until another pod beats it by a quarter in two passes, or it is
// gone or harmless.
func settleCulprit(v *engine.Verdict, prev *v1alpha1.CulpritReference, c Challenger) (engine.Culprit, Challenger) {
	now := v.Culprit
	if prev == nil || now.PodState == nil || now.UID == string(prev.UID) {
		return now, Challenger{}
	}
	incumbent := engine.CulpritAmong(v.Node, func(p *facts.PodState) bool { return p.UID == string(prev.UID) })
	if incumbent.PodState == nil {
		return now, Challenger{}
	}
	if now.Grew == incumbent.Grew && now.Amount-incumbent.Amount <= incumbent.Amount/4 {
		return incumbent, Challenger{}
	}
	pass := v.Node.Usage.ObservedAt
	if c.UID != now.UID {
		return incumbent, Challenger{UID: now.UID, Pass: pass}
	}
	if pass.After(c.Pass) {
		return now, c // it stays the challenger until it is published: that write may be held back
	}
	return incumbent, c
}
