package engine

import (
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// Calm says how much the Band of readings is widened on a node that is far from its nearest killer. Near the killer, readings are
// followed closely. Far from the killer, nobody has to act on a reading that drifts. The zero value widens nothing.
type Calm struct {
	// Widened is by how much the Band is widened, in hundredths: 0 up to widest.
	Widened int64
	// Left is how many bytes the nearest killer is beyond its line of risk, which is riskHeadroomPercent of its limit.
	Left int64
	// At is the time of the judgement.
	At time.Time
}

const (
	// widest is the calm of a node that is far from its killers, in hundredths: a Band five times as wide, which is 80Mi,
	// or 25% of the reading. Readings that vary by a tenth around a level differ by a fifth.
	widest = 400
	// calmFrom is the distance from the line of risk, in percent of the killer's limit, from which a node is that calm. In
	// between the Band widens evenly.
	calmFrom = 10
)

// calmOf returns the calm of a node with the memory of the verdict. Where a headroom is not known, or the kubelet reports
// MemoryPressure, there is none.
func calmOf(v *Verdict, p *facts.Policy) Calm {
	m := &v.Memory
	if v.Node.MemoryPressure == facts.StateTrue || (!m.HeadroomKnown && !m.OOMHeadroomKnown) {
		return Calm{}
	}
	c := Calm{Widened: widest, Left: facts.MaxBytes, At: v.At}
	if m.HeadroomKnown {
		c = c.nearer(m.Headroom, m.EvictionLimit, p.RiskHeadroomPercent)
	}
	if m.OOMHeadroomKnown {
		c = c.nearer(m.OOMHeadroom, m.OOMLimit, p.RiskHeadroomPercent)
	}
	return c
}

// nearer is the calm where this killer is there too.
func (c Calm) nearer(headroom, limit int64, riskPercent int) Calm {
	left := max(headroom-int64(float64(limit)*float64(riskPercent)/100), 0)
	full := float64(limit) * calmFrom / 100
	widened := int64(widest)
	if float64(left) < full {
		widened = int64(widest * float64(left) / full)
	}
	return Calm{Widened: min(c.Widened, widened), Left: min(c.Left, left), At: c.At}
}

// Band is the change, in bytes, within which a reading of a pod counts as unchanged: facts.Band, widened by the distance from
// the nearest killer, but to no more than half of that distance. So what nobody follows cannot bring the node into danger.
func (c Calm) Band(bytes int64) int64 {
	band := facts.Band(bytes)
	return max(band, min(band*(100+c.Widened)/100, c.Left/2))
}

// BandOf is the Band for a reading of these pods. Of a pod that has run for less than ten minutes nobody knows yet what its
// readings vary by, and while it fills up its readings are no noise: they are followed closely.
func (c Calm) BandOf(pods ...*facts.PodState) func(bytes int64) int64 {
	for _, p := range pods {
		if !Settled(p, c.At) {
			return facts.Band
		}
	}
	return c.Band
}

// Settled reports whether each container of the pod that runs now has run for as long as readings are kept.
func Settled(p *facts.PodState, now time.Time) bool {
	latest := now.Add(-facts.UnavailableAfter).UnixNano()
	for i := range p.Containers {
		if k := &p.Containers[i]; k.Running && k.Started > latest {
			return false
		}
	}
	return true
}

// LimitBand is the same for what is under a limit of its own, whose killer is nearer than the node's: the Band is widened to
// no more than three quarters of what is left until the limit's own kill is a near one, at nearPercent of the limit.
func (c Calm) LimitBand(a *AtLimit, nearPercent int) int64 {
	left := int64(float64(a.Limit)*float64(nearPercent)/100) - a.Usage
	return max(facts.Band(a.Usage), min(c.BandOf(a.PodState)(a.Usage), left/4*3))
}
