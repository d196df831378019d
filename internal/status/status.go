package status

import (
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/quantity"
)

// statusOf returns what a NodeKillOrder says of a verdict, its orders cut at top (0: all of them). prev is the previous
// status, empty before the first: figures that moved by no more than the Band stay as published, pods within the Band of
// each other are marked tied, and conditions keep their transition times. With a nil prev everything is exact.
// generation is the NodeKillOrder's.
func statusOf(
	v *engine.Verdict, p *facts.Policy, prev *v1alpha1.NodeKillOrderStatus, top int, generation int64, now time.Time,
) v1alpha1.NodeKillOrderStatus {
	if prev == nil {
		return compose(v, p, &v1alpha1.NodeKillOrderStatus{}, top, generation, now)
	}
	s := compose(v, p, prev, top, generation, now)
	markTies(s.EvictionOrder, v)
	fit(&s)
	return s
}

// compose is a status of any size, whose ties are those of the exact order.
func compose(
	v *engine.Verdict, p *facts.Policy, prev *v1alpha1.NodeKillOrderStatus, top int, generation int64, now time.Time,
) v1alpha1.NodeKillOrderStatus {
	s := v1alpha1.NodeKillOrderStatus{
		LastChangedAt: new(Stamp(now)),
		Usage:         usageStatus(v),
		Memory:        memoryStatus(v, prev.Memory),
		Summary:       summary(v),
		EvictionOrder: evictionOrder(v, prev.EvictionOrder, top),
		OOMOrder:      oomOrder(v, prev.OOMOrder, top),
		LimitOrder:    limitOrder(v, p, prev.LimitOrder, top),
		CulpritRef:    culpritRef(v.Culprit, prev.CulpritRef),
		AtRisk:        atRisk(v, prev.AtRisk, now),
		Kills:         prev.Kills,
	}
	s.Summary.Forecast = forecastKill(&v.Forecast, summaryForecast(prev))
	s.Summary.LastKill = lastKill(s.Kills, now)
	agree(s.Summary.Next, s.LimitOrder)
	s.Findings = findings(v.Findings)
	s.Conditions = conditions(v, p, prev.Conditions, generation, now)
	return s
}

// Stamp returns a time as the API stores it: in UTC, in whole seconds.
func Stamp(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }

func usageStatus(v *engine.Verdict) *v1alpha1.UsageStatus {
	u := &v1alpha1.UsageStatus{Source: v1alpha1.UsageSourceNone, Missing: int32(v.Missing)}
	if v.Freshness == engine.Unavailable {
		return u
	}
	u.ObservedAt = new(Stamp(v.Node.Usage.ObservedAt))
	switch v.Node.Usage.Source {
	case facts.SourceMetricsAPI:
		u.Source = v1alpha1.UsageSourceMetricsAPI
	case facts.SourceKubelet:
		u.Source = v1alpha1.UsageSourceKubelet
	}
	return u
}

func summary(v *engine.Verdict) *v1alpha1.SummaryStatus {
	s := &v1alpha1.SummaryStatus{
		Pods:           int32(len(v.Node.Pods)),
		ExemptPods:     int32(v.Exempt),
		CriticalAtRisk: int32(v.Outlook.CriticalPods),
		Findings:       int32(lines(v.Findings)),
		Ignored:        int32(len(v.Ignored)),
		Culprit:        workloadOf(v.Culprit.PodState),
	}
	if len(v.Eviction) > 0 {
		s.FirstEvicted = workloadOf(v.Eviction[0].PodState)
	}
	if len(v.OOM) > 0 {
		s.FirstOOMKilled = workloadOf(v.OOM[0].PodState)
	}
	if len(v.Limits) > 0 {
		s.FirstAtLimit = workloadOf(v.Limits[0].PodState)
	}
	if t := v.Outlook.Next; t.Killer != engine.None {
		s.Next = &v1alpha1.NextKill{
			Killer: Killers[t.Killer], Namespace: t.Victim.Namespace, Pod: t.Victim.Name,
			UID: types.UID(t.Victim.UID), Headroom: quantity.Figure(t.Headroom),
		}
	}
	return s
}

// Killers are the names that the API has for killers.
var Killers = map[engine.Killer]v1alpha1.Killer{
	engine.Eviction: v1alpha1.KillerEviction,
	engine.OOM:      v1alpha1.KillerOOM,
	engine.Limit:    v1alpha1.KillerLimit,
}

// workloadOf names a pod in what fits a column: namespace/workload, or namespace/pod for a bare pod.
func workloadOf(p *facts.PodState) string {
	if p == nil {
		return ""
	}
	return p.Namespace + "/" + p.Pod.Key().Name
}

// nameOf names one pod exactly.
func nameOf(p *facts.PodState) string {
	if p == nil {
		return ""
	}
	return p.Namespace + "/" + p.Name
}

// EvictionReasons are the names that the API has for the reasons of a place in the eviction order.
var EvictionReasons = map[evict.Reason]v1alpha1.EvictionReason{
	evict.ExceedsRequest: v1alpha1.ReasonExceedsRequest,
	evict.WithinRequest:  v1alpha1.ReasonWithinRequest,
	evict.NoKubeletStats: v1alpha1.ReasonNoKubeletStats,
	evict.UsageUnknown:   v1alpha1.ReasonUsageUnknown,
}

func evictionOrder(v *engine.Verdict, prev []v1alpha1.EvictionVictim, top int) []v1alpha1.EvictionVictim {
	order := v.Eviction
	before := make(map[types.UID]*resource.Quantity, len(prev))
	for i := range prev {
		before[prev[i].UID] = prev[i].Usage
	}
	out := make([]v1alpha1.EvictionVictim, 0, cut(len(order), top))
	for i := range order[:cap(out)] {
		k := &order[i]
		e := v1alpha1.EvictionVictim{
			Rank: int32(i + 1), Namespace: k.Namespace, Pod: k.Name, UID: types.UID(k.UID),
			Workload: WorkloadRef(k.Workload), Critical: k.Critical, QOSClass: k.QOS.String(), Priority: k.Priority,
			Request: quantity.Exact(k.Request), Reason: EvictionReasons[k.Reason], Tied: k.Tied,
		}
		if k.WorkingSet != facts.Unknown {
			e.Usage = new(sticky(v.Calm.BandOf(k.PodState), before[e.UID], k.WorkingSet))
		}
		out = append(out, e)
	}
	return out
}

// markTies marks neighbours that only noise orders. The published figures decide, because they do not move with each
// reading.
func markTies(order []v1alpha1.EvictionVictim, v *engine.Verdict) {
	tied := func(i int) bool { // with the one before
		band := v.Calm.BandOf(v.Eviction[i-1].PodState, v.Eviction[i].PodState)
		return within(&order[i-1], &order[i], band)
	}
	for i := range order {
		order[i].Tied = (i > 0 && tied(i)) || (i+1 < len(order) && tied(i+1))
	}
}

// within reports whether only noise orders two neighbours: their sort keys differ by no more than the Band.
func within(a, b *v1alpha1.EvictionVictim, band func(int64) int64) bool {
	if a.Priority != b.Priority || a.Reason != b.Reason {
		return false
	}
	if a.Usage == nil || b.Usage == nil {
		return a.Usage == b.Usage && (a.Reason == v1alpha1.ReasonNoKubeletStats || a.Request.Cmp(b.Request) == 0)
	}
	overA, overB := a.Usage.Value()-a.Request.Value(), b.Usage.Value()-b.Request.Value()
	most := band(max(a.Usage.Value(), b.Usage.Value()))
	return overA-overB <= most && overB-overA <= most
}

func oomOrder(v *engine.Verdict, prev []v1alpha1.OOMVictim, top int) []v1alpha1.OOMVictim {
	before := make(map[facts.ContainerKey]*resource.Quantity, len(prev))
	for i := range prev {
		before[oomKey(&prev[i])] = prev[i].Usage
	}
	out := make([]v1alpha1.OOMVictim, 0, cut(len(v.OOM), top))
	for i := range v.OOM[:cap(out)] {
		k := &v.OOM[i]
		e := v1alpha1.OOMVictim{
			Rank: int32(i + 1), Namespace: k.Namespace, Pod: k.Name, Container: k.ContainerName(),
			Critical: k.Critical, QOSClass: k.QOS.String(), OOMScoreAdj: k.Adj,
		}
		memory := k.Usage + k.Swap
		if k.UsageKnown {
			band := v.Calm.BandOf(k.PodState)
			e.Usage = new(sticky(band, before[oomKey(&e)], k.Usage))
			memory = keepWithin(band(e.Usage.Value()), e.Usage.Value(), k.Usage) + k.Swap
		}
		e.OOMScore = oom.Score(memory, k.Adj, v.Memory.Total)
		e.Badness = quantity.Figure(oom.Badness(memory, k.Adj, v.Memory.OOMLimit))
		out = append(out, e)
	}
	return out
}

// oomKey and limitKey name the container that a published row is about.
func oomKey(v *v1alpha1.OOMVictim) facts.ContainerKey {
	return facts.ContainerKey{Namespace: v.Namespace, Pod: v.Pod, Container: v.Container}
}

func limitKey(v *v1alpha1.LimitVictim) facts.ContainerKey {
	return facts.ContainerKey{Namespace: v.Namespace, Pod: v.Pod, Container: v.Container}
}

func limitOrder(v *engine.Verdict, p *facts.Policy, prev []v1alpha1.LimitVictim, top int) []v1alpha1.LimitVictim {
	order := v.Limits
	before := make(map[facts.ContainerKey]*v1alpha1.LimitVictim, len(prev))
	for i := range prev {
		before[limitKey(&prev[i])] = &prev[i]
	}
	if top > 0 {
		top = min(top, v1alpha1.MaxLimitOrder)
	}
	out := make([]v1alpha1.LimitVictim, 0, cut(len(order), top))
	for i := range order[:cap(out)] {
		l := order[i]
		e := v1alpha1.LimitVictim{
			Rank: int32(i + 1), Namespace: l.Namespace, Pod: l.Name, Container: l.ContainerName(), Limit: quantity.Exact(l.Limit),
		}
		band := func(published int64) int64 {
			at := engine.AtLimit{PodState: l.PodState, Usage: max(published, l.Usage), Limit: l.Limit}
			return v.Calm.LimitBand(&at, p.NearLimitPercent)
		}
		if was := before[limitKey(&e)]; was != nil {
			e.Usage, e.TimeToLimit = sticky(band, &was.Usage, l.Usage), timeBound(was.TimeToLimit, l.TimeToLimit)
		} else {
			e.Usage, e.TimeToLimit = quantity.Figure(l.Usage), timeBound("", l.TimeToLimit)
		}
		l.Usage = keepWithin(band(e.Usage.Value()), e.Usage.Value(), l.Usage)
		e.Percent = int32(l.Percent())
		out = append(out, e)
	}
	return out
}

// agree gives a next kill at a limit the headroom that limitOrder shows, because the figures of limitOrder do not move with each
// reading.
func agree(next *v1alpha1.NextKill, order []v1alpha1.LimitVictim) {
	if next == nil || next.Killer != v1alpha1.KillerLimit {
		return
	}
	for i := range order {
		if l := &order[i]; l.Namespace == next.Namespace && l.Pod == next.Pod {
			next.Headroom = quantity.Figure(max(l.Limit.Value()-l.Usage.Value(), 0))
			return
		}
	}
}

func culpritRef(c engine.Culprit, prev *v1alpha1.CulpritReference) *v1alpha1.CulpritReference {
	if c.PodState == nil {
		return nil
	}
	ref := &v1alpha1.CulpritReference{
		Namespace: c.Namespace, Pod: c.Name, UID: types.UID(c.UID), Workload: WorkloadRef(c.Workload),
		Reason: v1alpha1.CulpritOverRequest,
	}
	if c.Grew {
		ref.Reason = v1alpha1.CulpritGrowth
	}
	var before *resource.Quantity
	if prev != nil && prev.UID == ref.UID && prev.Reason == ref.Reason {
		before = &prev.Amount
	}
	ref.Amount = sticky(facts.Band, before, c.Amount)
	return ref
}

// WorkloadRef is a workload as the API has it, nil for a bare pod's.
func WorkloadRef(w facts.Workload) *v1alpha1.WorkloadReference {
	if w == (facts.Workload{}) {
		return nil
	}
	return &v1alpha1.WorkloadReference{Kind: w.Kind, Name: w.Name}
}

func cut(n, top int) int {
	if top <= 0 {
		return n
	}
	return min(n, top)
}
