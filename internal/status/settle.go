package status

import (
	"cmp"
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/quantity"
)

// settle returns the verdict with its orders as close to the published ones as the readings allow. Two pods trade places, cross the
// cut at topN, or change between exceeding their request and not, only when their keys differ by more than the Band. The culprit
// changes only when another pod beats the culprit by a quarter in two passes. Everything stays exact without a
// previous status, or where that status had no readings; and so do the places of pods that had none: no usage put them there.
func settle(exact *engine.Verdict, p *facts.Policy, prev *v1alpha1.NodeKillOrderStatus, c Challenger) (engine.Verdict, Challenger) {
	v := *exact
	if prev == nil || prev.Summary == nil || unread(prev) {
		return v, Challenger{}
	}
	places := max(p.TopN, p.RiskRank)
	if prev.Memory != nil {
		v.Memory = settleMemory(&v, prev)
		if v.Memory.OOMLimit != exact.Memory.OOMLimit {
			v.Rescale()
		}
	}
	v.Rejudge(p) // how closely the orders follow depends on the memory that is left
	v.Eviction = settleEviction(v.Eviction, prev.EvictionOrder, places, v.Calm)
	v.OOM = settleOOM(v.OOM, prev.OOMOrder, places, v.Calm)
	v.Limits = settleLimits(v.Limits, prev.LimitOrder, v1alpha1.MaxLimitOrder, func(l *engine.AtLimit) int64 {
		return v.Calm.LimitBand(l, p.NearLimitPercent)
	})
	v.Culprit, c = settleCulprit(&v, prev.CulpritRef, c)
	v.Rejudge(p)
	return v, c
}

// unread reports whether none of the published pods had a reading.
func unread(s *v1alpha1.NodeKillOrderStatus) bool {
	return len(s.EvictionOrder)+len(s.OOMOrder) > 0 &&
		!slices.ContainsFunc(s.EvictionOrder, func(v v1alpha1.EvictionVictim) bool { return v.Usage != nil }) &&
		!slices.ContainsFunc(s.OOMOrder, func(v v1alpha1.OOMVictim) bool { return v.Usage != nil })
}

// keep returns the published amount if the exact amount is within its Band, else the exact amount; both in bytes.
func keep(before, exact int64) int64 { return keepWithin(facts.Band(before), before, exact) }

// keepWithin returns the published amount if the exact amount is within the band of it, else the exact amount.
func keepWithin(band, before, exact int64) int64 {
	if d := exact - before; d <= band && -d <= band {
		return before
	}
	return exact
}

// sticky returns the figure that was published before if the exact amount is within that figure's band, else the exact
// amount's figure.
func sticky(band func(int64) int64, before *resource.Quantity, exact int64) resource.Quantity {
	if before == nil {
		return quantity.Figure(exact)
	}
	return quantity.Figure(keepWithin(band(before.Value()), before.Value(), exact))
}

func settleEviction(exact []evict.Victim, prev []v1alpha1.EvictionVictim, places int, calm engine.Calm) []evict.Victim {
	before := make(map[string]*v1alpha1.EvictionVictim, len(prev))
	for i := range prev {
		before[string(prev[i].UID)] = &prev[i]
	}
	order := slices.Clone(exact)
	for i := range order {
		if b := before[order[i].UID]; b == nil || b.Usage != nil {
			settleClass(&order[i], b)
		}
	}
	evict.Sort(order)
	return closest(order, places, func(v *evict.Victim) int {
		if p := before[v.UID]; p != nil && p.Usage != nil {
			return int(p.Rank)
		}
		return math.MaxInt
	}, func(a, b *evict.Victim) bool { return evict.Clearly(a, b, calm.BandOf(a.PodState, b.PodState)) })
}

// settleClass decides whether a pod counts as exceeding its request. While usage is within the Band of the request, a
// pod keeps the class with which it was published; a pod that was not published counts as within its request. A request
// of 0 needs no such rule: any usage exceeds it. The Band is no wider in a calm node: who is in the first group decides who dies.
func settleClass(v *evict.Victim, before *v1alpha1.EvictionVictim) {
	if (v.Reason != evict.ExceedsRequest && v.Reason != evict.WithinRequest) || v.Request == 0 {
		return
	}
	if over, band := v.Over(), facts.Band(v.Usage); over > band || -over > band {
		return
	}
	v.Exceeds = before != nil && before.Reason == v1alpha1.ReasonExceedsRequest
	v.Reason = evict.WithinRequest
	if v.Exceeds {
		v.Reason = evict.ExceedsRequest
	}
}

func settleOOM(exact []oom.Victim, prev []v1alpha1.OOMVictim, places int, calm engine.Calm) []oom.Victim {
	rank := make(map[facts.ContainerKey]int32, len(prev))
	for i := range prev {
		if prev[i].Usage != nil {
			rank[oomKey(&prev[i])] = prev[i].Rank
		}
	}
	return closest(exact, places, func(v *oom.Victim) int { return rankBefore(rank, v.ContainerKey()) },
		func(a, b *oom.Victim) bool { return oom.Clearly(a, b, calm.BandOf(a.PodState, b.PodState)) })
}

// rankBefore is the rank that was published of a container, a large one if none was.
func rankBefore(rank map[facts.ContainerKey]int32, of facts.ContainerKey) int {
	if r, ok := rank[of]; ok {
		return int(r)
	}
	return math.MaxInt
}

func settleLimits(
	exact []engine.AtLimit, prev []v1alpha1.LimitVictim, places int, band func(*engine.AtLimit) int64,
) []engine.AtLimit {
	rank := make(map[facts.ContainerKey]int32, len(prev))
	for i := range prev {
		rank[limitKey(&prev[i])] = prev[i].Rank
	}
	return closest(exact, places, func(v *engine.AtLimit) int { return rankBefore(rank, v.ContainerKey()) },
		func(a, b *engine.AtLimit) bool { return clearlyNearer(a, b, band(a)) })
}

// clearlyNearer reports whether a uses a larger share of its limit than b, even with so many bytes less.
func clearlyNearer(a, b *engine.AtLimit, band int64) bool {
	return float64(a.Usage-band)/float64(a.Limit) > float64(b.Usage)/float64(b.Limit)
}

// closest rearranges the first places of order. Each place goes, one after the other, to a candidate that no remaining
// pod clearly precedes; among such candidates to the one with the best place before. The other places keep order's own
// order. Where clearly(a, b) holds, a must stand before b in order: so the first that remains always is a candidate.
func closest[T any](order []T, places int, before func(*T) int, clearly func(a, b *T) bool) []T {
	type candidate struct{ index, before int }
	byPlace := make([]candidate, len(order))
	for i := range order {
		byPlace[i] = candidate{i, before(&order[i])}
	}
	slices.SortStableFunc(byPlace, func(a, b candidate) int { return cmp.Compare(a.before, b.before) })
	settled, taken := make([]T, 0, len(order)), make([]bool, len(order))
	preceded := func(i int) bool {
		for j := range i {
			if !taken[j] && clearly(&order[j], &order[i]) {
				return true
			}
		}
		return false
	}
	for len(settled) < min(places, len(order)) {
		for _, c := range byPlace {
			if !taken[c.index] && !preceded(c.index) {
				settled, taken[c.index] = append(settled, order[c.index]), true
				break
			}
		}
	}
	for i := range order {
		if !taken[i] {
			settled = append(settled, order[i])
		}
	}
	return settled
}
