package whatif

import (
	"slices"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// Ranks are a pod's places in the three orders, from 1; 0 where it has none.
type Ranks struct {
	Eviction int
	// OOM is the place of the pod's likeliest container, counting containers of other pods only: 1 means that no
	// container of another pod goes first.
	OOM int
	// OOMLast: the pod's likeliest container comes after those of all other pods.
	OOMLast bool
	// Limit is the pod's place among what is nearest to its limit. RanksIf does not tell: a change does not move the
	// limits of others.
	Limit int
}

// RanksIf are the ranks of a pod of the verdict's node if the pod and the others of its workload on the node were
// changed; a nil change changes nothing. It needs no new verdict, and takes time in proportion to the pods. The ranks are
// those that the orders of a verdict on the changed node show.
func RanksIf(v *engine.Verdict, p *facts.PodState, ch Change) Ranks {
	q := question{v, p, ch}
	r := Ranks{Eviction: q.evictionRank()}
	r.OOM, r.OOMLast = q.oomRank()
	return r
}

// Changed is q as it would be if the workload of p were changed: q itself where it is no pod of that workload.
func Changed(p, q *facts.PodState, ch Change) *facts.PodState {
	if ch == nil || !facts.SameWorkload(p.Pod, q.Pod) {
		return q
	}
	c := changed(q, ch)
	return &c
}

// question is what would become of the ranks of a pod of the verdict after a change.
type question struct {
	v  *engine.Verdict
	p  *facts.PodState
	ch Change
}

func (a *question) then(q *facts.PodState) *facts.PodState { return Changed(a.p, q, a.ch) }

func (a *question) evictionRank() int {
	self := a.then(a.p)
	if self.Exempt {
		return 0
	}
	me, rank := evict.Of(a.v.Node, self), 1
	for i := range a.v.Node.Pods {
		q := &a.v.Node.Pods[i]
		if facts.SamePod(q.Pod, a.p.Pod) {
			continue
		}
		if q = a.then(q); q.Exempt {
			continue
		}
		if other := evict.Of(a.v.Node, q); evict.CompareTotal(&other, &me) < 0 {
			rank++
		}
	}
	return rank
}

func (a *question) oomRank() (rank int, last bool) {
	best := Likeliest(a.v, a.then(a.p), func(*facts.Container) bool { return true })
	if best == nil || len(a.v.OOM) == 0 {
		return 0, false
	}
	rank, last = 1, true
	for i := range a.v.Node.Pods {
		q := &a.v.Node.Pods[i]
		if facts.SamePod(q.Pod, a.p.Pod) {
			continue
		}
		q = a.then(q)
		for c := range q.Containers {
			if !q.Containers[c].Running {
				continue
			}
			other, err := oom.Of(q, c, a.v.Node, a.v.Memory.OOMLimit)
			switch {
			case err != nil:
			case oom.Compare(&other, best) < 0:
				rank++
			default:
				last = false
			}
		}
	}
	return rank, last
}

// Likeliest is the pod's running container that the kernel would take first of those that count, nil if there is none.
func Likeliest(v *engine.Verdict, p *facts.PodState, counts func(*facts.Container) bool) *oom.Victim {
	return likeliest(v.Node, v.Memory.OOMLimit, p, func(i int) bool { return counts(&p.Containers[i]) })
}

// likeliest is Likeliest where memory of that many bytes runs out. The containers that count are told by their indexes.
func likeliest(n *facts.Node, limit int64, p *facts.PodState, counts func(container int) bool) (best *oom.Victim) {
	for i := range p.Containers {
		if !p.Containers[i].Running || !counts(i) {
			continue
		}
		victim, err := oom.Of(p, i, n, limit)
		if err == nil && (best == nil || oom.Compare(&victim, best) < 0) {
			best = &victim
		}
	}
	return best
}

// RanksIn are the pod's ranks as the orders of the verdict show them: Eviction and Limit count pods and containers, OOM
// counts containers.
func RanksIn(v *engine.Verdict, p *facts.Pod) Ranks {
	r := Ranks{
		Eviction: 1 + slices.IndexFunc(v.Eviction, func(e evict.Victim) bool { return facts.SamePod(e.Pod, p) }),
		OOM:      1 + slices.IndexFunc(v.OOM, func(k oom.Victim) bool { return facts.SamePod(k.Pod, p) }),
		Limit:    1 + slices.IndexFunc(v.Limits, func(l engine.AtLimit) bool { return facts.SamePod(l.Pod, p) }),
	}
	r.OOMLast = r.OOM > 0 && !slices.ContainsFunc(v.OOM[r.OOM:], func(k oom.Victim) bool { return !facts.SamePod(k.Pod, p) })
	return r
}

// Move is what a change does to one pod of a node.
type Move struct {
	// Pod as it was and as it would be.
	Before, After           *facts.PodState
	RanksBefore, RanksAfter Ranks
}

// Nearer reports whether the pod comes nearer to the front of an order of a node-level killer.
func (m *Move) Nearer() bool {
	return comesNearer(m.RanksBefore.Eviction, m.RanksAfter.Eviction) || comesNearer(m.RanksBefore.OOM, m.RanksAfter.OOM)
}

func comesNearer(before, after int) bool { return after != 0 && (before == 0 || after < before) }

// Moves returns what becomes of every pod, in the order of Node.Pods. after is the verdict on Apply's copy of the node
// of before, or on a later copy of that.
func Moves(before, after *engine.Verdict) []Move {
	was, is := ranksByPod(before), ranksByPod(after)
	moves := make([]Move, len(after.Node.Pods))
	for i := range moves {
		moves[i] = Move{Before: &before.Node.Pods[i], After: &after.Node.Pods[i], RanksBefore: was[i], RanksAfter: is[i]}
	}
	return moves
}

// ranksByPod are the ranks of all pods, in the order of Node.Pods.
func ranksByPod(v *engine.Verdict) []Ranks {
	index := make(map[*facts.Pod]int, len(v.Node.Pods))
	for i := range v.Node.Pods {
		index[v.Node.Pods[i].Pod] = i
	}
	ranks := make([]Ranks, len(v.Node.Pods))
	for i := range v.Eviction {
		ranks[index[v.Eviction[i].Pod]].Eviction = i + 1
	}
	for i := range slices.Backward(v.OOM) {
		ranks[index[v.OOM[i].Pod]].OOM = i + 1
	}
	if n := len(v.OOM); n > 0 {
		ranks[index[v.OOM[n-1].Pod]].OOMLast = onlyAtTheEnd(v.OOM)
	}
	for i := range slices.Backward(v.Limits) {
		ranks[index[v.Limits[i].Pod]].Limit = i + 1
	}
	return ranks
}

// onlyAtTheEnd reports whether all containers of the last one's pod stand at the end of the order.
func onlyAtTheEnd(order []oom.Victim) bool {
	last, others := order[len(order)-1].Pod, false
	for i := range slices.Backward(order) {
		same := order[i].Pod == last
		if same && others {
			return false
		}
		others = others || !same
	}
	return true
}
