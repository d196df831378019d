package engine

import (
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// Rejudge concludes what follows from the verdict's memory and orders, which may be others than the readings'.
func (v *Verdict) Rejudge(p *facts.Policy) { v.Calm, v.Outlook = calmOf(v, p), Conclude(v, p) }

// Conclude says what the orders and the memory left in v mean together. It reads v's orders as they stand, so
// that what is concluded from a published order agrees with it.
func Conclude(v *Verdict, p *facts.Policy) Outlook {
	o := Outlook{Nearer: nearer(v), Risks: risks(v, p)}
	o.Next = next(v, o.Nearer, p.NearLimitPercent)
	for i, r := range o.Risks {
		if !slices.ContainsFunc(o.Risks[:i], func(have Risk) bool { return samePod(have.PodState, r.PodState) }) {
			o.CriticalPods++
		}
		o.CriticalAtRisk = o.CriticalAtRisk || r.Low
	}
	o.NearerIsLow = o.Nearer.Killer != None && v.low(o.Nearer.Killer, p)
	o.WrongVictim = o.NearerIsLow && v.Culprit.PodState != nil && !samePod(v.Culprit.PodState, o.Nearer.Victim)
	return o
}

func samePod(a, b *facts.PodState) bool { return facts.SamePod(a.Pod, b.Pod) }

// nearer is the node-level killer with less headroom, and its first victim.
func nearer(v *Verdict) Threat {
	t := Threat{}
	m := &v.Memory
	if m.HeadroomKnown && len(v.Eviction) > 0 {
		t = Threat{Eviction, v.Eviction[0].PodState, m.Headroom}
	}
	if m.OOMHeadroomKnown && len(v.OOM) > 0 && (t.Killer == None || m.OOMHeadroom < t.Headroom) {
		t = Threat{OOM, v.OOM[0].PodState, m.OOMHeadroom}
	}
	return t
}

// next is the killer with the least headroom of all. A limit counts only when it is near: in bytes, a small container is always
// closer to its limit than a node is to its threshold.
func next(v *Verdict, t Threat, nearPercent int) Threat {
	for i := range v.Limits {
		l := &v.Limits[i]
		if l.Percent() < nearPercent {
			continue // the order is settled: a container that is nearer, by no more than noise, may stand behind this one
		}
		if !l.Near(nearPercent) {
			continue
		}
		if t.Killer == None || l.Headroom() < t.Headroom {
			return Threat{Limit, l.PodState, l.Headroom()}
		}
		break
	}
	return t
}

// low reports whether a node-level killer's headroom is under riskHeadroomPercent of its limit.
func (v *Verdict) low(k Killer, p *facts.Policy) bool {
	m := &v.Memory
	if k == OOM {
		return m.OOMHeadroomKnown && under(m.OOMHeadroom, m.OOMLimit, p.RiskHeadroomPercent)
	}
	return m.HeadroomKnown && under(m.Headroom, m.EvictionLimit, p.RiskHeadroomPercent)
}

func under(headroom, limit int64, percent int) bool {
	return float64(headroom)*100 < float64(limit)*float64(percent)
}

// risks lists the critical pods within riskRank of each order, each pod once a killer, at its first rank.
func risks(v *Verdict, p *facts.Policy) []Risk {
	var rs []Risk
	for i := 0; i < min(p.RiskRank, len(v.Eviction)); i++ {
		rs = atRisk(rs, Risk{v.Eviction[i].PodState, Eviction, i + 1, v.low(Eviction, p)})
	}
	for i := 0; i < min(p.RiskRank, len(v.OOM)); i++ {
		rs = atRisk(rs, Risk{v.OOM[i].PodState, OOM, i + 1, v.low(OOM, p)})
	}
	for i := 0; i < min(p.RiskRank, len(v.Limits)); i++ {
		if l := &v.Limits[i]; l.Near(p.NearLimitPercent) {
			rs = atRisk(rs, Risk{l.PodState, Limit, i + 1, under(l.Headroom(), l.Limit, p.RiskHeadroomPercent)})
		}
	}
	return rs
}

func atRisk(rs []Risk, r Risk) []Risk {
	if !r.Critical {
		return rs
	}
	if slices.ContainsFunc(rs, func(have Risk) bool { return have.Killer == r.Killer && samePod(have.PodState, r.PodState) }) {
		return rs
	}
	return append(rs, r)
}
