package status

import (
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/quantity"
)

// standing is a published status that the last judgement had nothing to add to: the part of the status that a judgement
// compares with, in a kilobyte. With it the next judgement can tell that there is nothing new without the status itself,
// which the operator keeps packed, and whose unpacking and comparison cost more than the judgement.
type standing struct {
	eviction, oom, limits []seat
	memory                *v1alpha1.MemoryStatus
	usage                 *v1alpha1.UsageStatus
	culprit               *v1alpha1.CulpritReference
	forecast              *v1alpha1.ForecastKill
	atRisk                []v1alpha1.AtRiskPod
	kills                 []v1alpha1.Kill
	changedAt             *metav1.Time
	// policy, top and generation are those of the judgement.
	policy     *facts.Policy
	top        int
	generation int64
	// content is the hash of all that the status says.
	content uint64
}

// seat is a place in an order.
type seat struct {
	pod *facts.Pod
	// usage as published, in bytes; facts.Unknown if there is none.
	usage int64
	// container is the index in the pod's, engine.PodLevel for the pod as a whole.
	container int32
	exceeds   bool
	timeBound v1alpha1.TimeBound
}

// KeepStanding remembers the outcome of a judgement that called for no write and no further Event: s is the judgement's status, with
// the LastChangedAt of the published one.
func (h *History) KeepStanding(
	v *engine.Verdict, s *v1alpha1.NodeKillOrderStatus, p *facts.Policy, top int, generation int64, now time.Time,
) {
	st := &standing{
		memory: s.Memory, usage: s.Usage, culprit: s.CulpritRef, forecast: s.Summary.Forecast, atRisk: s.AtRisk, kills: s.Kills,
		changedAt: s.LastChangedAt, policy: p, top: top, generation: generation,
	}
	for i := range s.EvictionOrder {
		e := &s.EvictionOrder[i]
		st.eviction = append(st.eviction, seat{
			pod: v.Eviction[i].Pod, usage: bytesOf(e.Usage), exceeds: e.Reason == v1alpha1.ReasonExceedsRequest,
		})
	}
	for i := range s.OOMOrder {
		k := &v.OOM[i]
		st.oom = append(st.oom, seat{pod: k.Pod, usage: bytesOf(s.OOMOrder[i].Usage), container: int32(k.Container)})
	}
	for i := range s.LimitOrder {
		l, e := &v.Limits[i], &s.LimitOrder[i]
		st.limits = append(st.limits, seat{
			pod: l.Pod, usage: e.Usage.Value(), container: int32(l.Container), timeBound: e.TimeToLimit,
		})
	}
	again := h.compose(v, st, st.status(), now)
	st.content = hashOf(&again, len(st.limits))
	h.standing = st
}

// DropStanding tells the History that another status is published than the last judgement knew.
func (h *History) DropStanding() { h.standing = nil }

// JudgeStanding judges a node whose published status stands, and reports whether the status still says what there is to say. If so,
// the verdict and the status are those of Judge, but for a status's times and for what it has no room for. If not, the node
// has to be judged with the published status. name and lastWrite are those of PlanWrite.
func (h *History) JudgeStanding(
	n *facts.Node, p *facts.Policy, name string, top int, generation int64, lastWrite, now time.Time,
) (v engine.Verdict, s v1alpha1.NodeKillOrderStatus, unmoved bool) {
	st := h.standing
	if st == nil || st.policy != p || st.top != top || st.generation != generation {
		return v, s, false
	}
	prev := st.status()
	if outdated(name, prev, lastWrite, now) {
		return v, s, false
	}
	v = h.verdict(n, p, prev, now)
	s = h.compose(&v, st, prev, now)
	return v, s, hashOf(&s, len(st.limits)) == st.content
}

// compose is the status that follows from a verdict where another stands, of which prev is what a judgement compares with.
func (h *History) compose(
	v *engine.Verdict, st *standing, prev *v1alpha1.NodeKillOrderStatus, now time.Time,
) v1alpha1.NodeKillOrderStatus {
	prev.Kills = Kills(prev.Kills, h.kills, h.withdrawn)
	s := compose(v, st.policy, prev, st.top, st.generation, now)
	markTies(s.EvictionOrder, v)
	return s
}

// status is the part of the published status that a judgement compares with. Conditions are left out: a judgement makes all
// of them anew, and takes from the published ones only the times of their transitions.
func (st *standing) status() *v1alpha1.NodeKillOrderStatus {
	s := &v1alpha1.NodeKillOrderStatus{
		LastChangedAt: st.changedAt, Summary: &v1alpha1.SummaryStatus{Forecast: st.forecast}, Memory: st.memory, Usage: st.usage,
		CulpritRef: st.culprit, AtRisk: st.atRisk, Kills: st.kills,
		EvictionOrder: make([]v1alpha1.EvictionVictim, len(st.eviction)),
		OOMOrder:      make([]v1alpha1.OOMVictim, len(st.oom)),
		LimitOrder:    make([]v1alpha1.LimitVictim, len(st.limits)),
	}
	for i := range st.eviction {
		e := &st.eviction[i]
		s.EvictionOrder[i] = v1alpha1.EvictionVictim{Rank: int32(i + 1), UID: types.UID(e.pod.UID), Usage: e.figure()}
		if e.exceeds {
			s.EvictionOrder[i].Reason = v1alpha1.ReasonExceedsRequest
		}
	}
	for i := range st.oom {
		e := &st.oom[i]
		s.OOMOrder[i] = v1alpha1.OOMVictim{
			Rank: int32(i + 1), Namespace: e.pod.Namespace, Pod: e.pod.Name, Container: e.containerName(), Usage: e.figure(),
		}
	}
	for i := range st.limits {
		e := &st.limits[i]
		s.LimitOrder[i] = v1alpha1.LimitVictim{
			Rank: int32(i + 1), Namespace: e.pod.Namespace, Pod: e.pod.Name, Container: e.containerName(),
			Usage: quantity.Exact(e.usage), TimeToLimit: e.timeBound,
		}
	}
	return s
}

func (e *seat) containerName() string {
	if e.container == engine.PodLevel {
		return ""
	}
	return e.pod.Containers[e.container].Name
}

// figure is the published usage, nil if there is none.
func (e *seat) figure() *resource.Quantity {
	if e.usage == facts.Unknown {
		return nil
	}
	return new(quantity.Exact(e.usage))
}

func bytesOf(q *resource.Quantity) int64 {
	if q == nil {
		return facts.Unknown
	}
	return q.Value()
}

// hashOf is a hash of what a status says, without its times. published is the number of rows in the published limitOrder.
// Further rows, for which the status had no room, move with each reading: of these rows only the sizes count, which decide
// what there is room for.
func hashOf(s *v1alpha1.NodeKillOrderStatus, published int) uint64 {
	t := timeless(s)
	published = min(published, len(t.LimitOrder))
	beyond := t.LimitOrder[published:]
	t.LimitOrder = t.LimitOrder[:published]
	d := newDigest()
	d.add(reflect.ValueOf(t))
	for i := range beyond {
		d.number(int64(sizeOf(&beyond[i])))
	}
	return d.Sum64()
}
