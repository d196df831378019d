package whatif

import (
	"math"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// never is a time that does not come.
const never = time.Duration(math.MaxInt64)

// longest is the time after which a race is given up: a soft threshold may have a grace period of days.
const longest = 24 * time.Hour

// race is a scenario at work, second by second.
type race struct {
	v     *engine.Verdict
	s     *Scenario
	pods  []racer
	steps []Step
	now   time.Duration
	// left is what there is at the beginning, and kubepods the signal of the pods' limit, if podsKnown.
	left      engine.Left
	kubepods  engine.Signal
	podsKnown bool
	kubelet   kubelet
	// kernelStuck: more is wanted than there is, and no container is left that the kernel has not taken.
	kernelStuck bool
}

// racer is a pod in the race.
type racer struct {
	p *facts.PodState
	// grows is what the pod comes to use more, in container c; 0 once that was killed.
	grows int64
	c     int
	// killed are the containers that the kernel has taken, taken what those used at the beginning.
	killed map[int]bool
	taken  int64
	// gone is when an evicted pod's memory is free; never while nobody evicts the pod.
	gone time.Duration
}

func newRace(v *engine.Verdict, s *Scenario) *race {
	r := &race{v: v, s: s, left: v.Memory.Left(v.Node), pods: make([]racer, len(v.Node.Pods)), kubelet: kubelet{softSince: never}}
	r.kubepods, r.podsKnown = v.Memory.PodsSignal(v.Node)
	for i := range v.Node.Pods {
		p := &v.Node.Pods[i]
		r.pods[i] = racer{p: p, c: engine.PodLevel, gone: never}
		for _, g := range s.Growths {
			if facts.SamePod(g.Pod, p.Pod) {
				r.pods[i].grows += g.Bytes
				r.pods[i].c = growerOf(p, g.Container)
			}
		}
	}
	return r
}

// growerOf is the index of the container that grows, engine.PodLevel if none runs.
func growerOf(p *facts.PodState, container string) int {
	c := *p
	if c.Usage == nil {
		c.Usage = make([]facts.ContainerUsage, len(c.Containers))
	}
	return grower(&c, container)
}

// run plays the race until nothing more happens.
func (r *race) run() Sequence {
	if r.v.Memory.Available == facts.Unknown {
		return Sequence{End: NotKnown}
	}
	for r.now < longest {
		if r.s.Kernel && r.v.NoOOM == "" {
			r.killAtLimits()
			r.killUntilContent()
		}
		if r.s.Kubelet {
			r.look()
		}
		if r.over() {
			return r.result()
		}
		r.now += time.Second
	}
	q := r.result()
	q.End = Endless
	return q
}

// over reports whether nothing more happens: all growth is there, nobody is about to go, and neither killer will kill.
func (r *race) over() bool {
	if r.now < r.s.Over {
		return false
	}
	for i := range r.pods {
		if p := &r.pods[i]; p.gone != never && p.gone > r.now {
			return false
		}
	}
	return !r.s.Kubelet || r.kubelet.stuck || (r.kubelet.content && r.kubelet.looked == r.now)
}

func (r *race) result() Sequence {
	q := Sequence{Steps: r.steps}
	if r.kernelStuck || (r.s.Kubelet && r.kubelet.stuck) {
		q.End = Exhausted
	}
	lost := map[*facts.PodState]bool{}
	for i := range r.steps {
		if p := r.steps[i].Victim; p.Critical && !lost[p] {
			lost[p] = true
			q.CriticalLost++
		}
	}
	return q
}

// grown is the part of some growth that is there now.
func (r *race) grown(bytes int64) int64 {
	if r.now >= r.s.Over {
		return bytes
	}
	return int64(float64(bytes) * (float64(r.now) / float64(r.s.Over)))
}

// more is what a pod uses more than at the beginning.
func (r *race) more(i int) int64 {
	p := &r.pods[i]
	if p.gone <= r.now {
		return -max(p.p.WorkingSet, 0)
	}
	return r.grown(p.grows) - p.taken
}

// remaining is memory.available, and what is left of kubepods; both may be negative.
func (r *race) remaining() (available, pods int64) {
	sum := int64(0)
	for i := range r.pods {
		sum += r.more(i)
	}
	return r.left.Available - sum - r.grown(r.s.Outside), r.left.Pods - sum
}

// state is a pod as it is now.
func (r *race) state(i int) facts.PodState {
	p := &r.pods[i]
	state := *p.p
	if state.WorkingSet != facts.Unknown || p.grows > 0 {
		state.WorkingSet = max(max(state.WorkingSet, 0)+r.more(i), 0)
	}
	if p.c != engine.PodLevel && p.grows > 0 || len(p.killed) > 0 {
		state.Usage = make([]facts.ContainerUsage, len(state.Containers))
		for c := range state.Usage {
			state.Usage[c] = r.container(i, c)
		}
	}
	return state
}

// container is what container c of a pod uses now.
func (r *race) container(i, c int) facts.ContainerUsage {
	p, u := &r.pods[i], facts.NoContainerUsage
	if p.p.Usage != nil {
		u = p.p.Usage[c]
	}
	switch {
	case p.killed[c]:
		return facts.ContainerUsage{}
	case c == p.c && p.grows > 0:
		bytes := r.grown(p.grows)
		u.WorkingSet = max(u.WorkingSet, 0) + bytes
		if u.RSS != facts.Unknown {
			u.RSS += bytes
		}
	}
	return u
}

// take records a kill. The memory of a container is free at once, that of an evicted pod when it is gone.
func (r *race) take(killer engine.Killer, i, c int, frees int64) {
	step := Step{Killer: killer, Victim: r.pods[i].p, Container: c, At: r.now, Frees: frees, PodsKnown: r.podsKnown}
	step.Available, step.Pods = r.remaining()
	if killer == engine.Eviction {
		step.Available, step.Pods = step.Available+frees, step.Pods+frees
	}
	r.steps = append(r.steps, step)
}

// killContainer lets the kernel take container c of a pod.
func (r *race) killContainer(killer engine.Killer, i, c int) {
	p := &r.pods[i]
	frees := max(r.container(i, c).WorkingSet, 0)
	if p.killed == nil {
		p.killed = map[int]bool{}
	}
	p.killed[c] = true
	if p.p.Usage != nil {
		p.taken += max(p.p.Usage[c].WorkingSet, 0)
	}
	if c == p.c {
		p.grows = 0
	}
	r.take(killer, i, c, frees)
}

// killAtLimits takes the containers that have grown to a limit of their own, or of their pod.
func (r *race) killAtLimits() {
	for i := range r.pods {
		p := &r.pods[i]
		if p.grows == 0 || p.c == engine.PodLevel || p.gone <= r.now {
			continue
		}
		state := r.state(i)
		switch limit := state.Containers[p.c].Limit; {
		case limit > 0 && state.Usage[p.c].WorkingSet > limit:
			r.killContainer(engine.Limit, i, p.c)
		case state.Limit > 0 && state.WorkingSet > state.Limit:
			if c := r.heaviest(i, state.Limit); c != nil {
				r.killContainer(engine.Limit, i, c.Container)
			}
		}
	}
}

// killUntilContent takes the container of the largest badness, again and again, while more is wanted than kubepods or the
// node has.
func (r *race) killUntilContent() {
	for {
		available, pods := r.remaining()
		limit := int64(0)
		switch {
		case r.podsKnown && pods < 0:
			limit = r.kubepods.Limit + r.v.Node.Usage.SwapCapacity
		case available-r.hugepagesCounted() < 0:
			limit = r.v.Memory.Total
		default:
			r.kernelStuck = false
			return
		}
		i, c := r.likeliest(limit)
		if i < 0 {
			r.kernelStuck = true
			return
		}
		r.killContainer(engine.OOM, i, c)
	}
}

// hugepagesCounted are the huge pages, in bytes, that the kubelet counts as available and the kernel cannot hand out.
func (r *race) hugepagesCounted() int64 {
	if r.v.Node.Follows(facts.HugepageAwareEviction) {
		return 0
	}
	return r.v.Node.Hugepages
}

// likeliest is the pod and the container that the kernel takes first, -1 if there is none left.
func (r *race) likeliest(limit int64) (pod, container int) {
	var best *oom.Victim
	pod = -1
	for i := range r.pods {
		if r.pods[i].gone <= r.now {
			continue
		}
		if v := r.heaviest(i, limit); v != nil && (best == nil || oom.Compare(v, best) < 0) {
			best, pod = v, i
		}
	}
	if best == nil {
		return -1, -1
	}
	return pod, best.Container
}

// heaviest is the container of a pod that the kernel takes first, nil if there is none left.
func (r *race) heaviest(i int, limit int64) *oom.Victim {
	state := r.state(i)
	return likeliest(r.v.Node, limit, &state, func(container int) bool { return !r.pods[i].killed[container] })
}

// kubelet is the eviction manager in the race.
type kubelet struct {
	// looked is when it looked last, next when it looks next, softSince since when it has seen the soft threshold
	// crossed; never: it has not.
	looked, next, softSince time.Duration
	// hard, pods, soft: the threshold is being reclaimed for, until the minimum reclaim is there too.
	hard, pods, soft bool
	// content: at the last look no threshold was crossed. stuck: one was, and nobody is left to evict.
	content, stuck bool
}

// look is one check of the kubelet, if the time has come.
func (r *race) look() {
	k, m := &r.kubelet, &r.v.Memory
	if r.now < k.next || k.stuck {
		return
	}
	k.looked, k.next = r.now, r.now+monitoring
	available, pods := r.remaining()
	short := func(left, threshold int64, before bool) bool {
		return threshold > 0 && (left < threshold || (before && left < threshold+m.MinReclaim))
	}
	k.hard = short(available, m.Threshold, k.hard)
	k.pods = r.podsKnown && m.Threshold > 0 && short(pods, r.kubepods.Threshold, k.pods)
	k.softly(r, short(available, m.SoftThreshold, k.soft))
	k.content = !k.hard && !k.pods && k.softSince == never
	if k.hard || k.pods || k.soft {
		r.evict(k.hard || k.pods)
	}
}

// evict takes the first pod of the kubelet's order.
func (r *race) evict(hard bool) {
	first := -1
	var best evict.Victim
	for i := range r.pods {
		p := &r.pods[i]
		if p.p.Exempt || p.gone != never {
			continue
		}
		state := r.state(i)
		if v := evict.Of(r.v.Node, &state); first < 0 || evict.CompareTotal(&v, &best) < 0 {
			best, first = v, i
		}
	}
	if first < 0 {
		r.kubelet.stuck = true
		return
	}
	grace := hardGrace
	if c := r.v.Node.Config; !hard && c != nil {
		grace = c.MaxPodGrace
	}
	r.take(engine.Eviction, first, engine.PodLevel, max(r.state(first).WorkingSet, 0))
	r.pods[first].gone = r.now + grace
	r.kubelet.next = r.now + min(grace, cleanup) + time.Second // it asks each second whether the pod is gone
}

// softly follows the soft threshold: crossed says that it is crossed now. The kubelet acts once its grace period is over.
func (k *kubelet) softly(r *race, crossed bool) {
	grace := time.Duration(0)
	if c := r.v.Node.Config; c != nil {
		grace = c.SoftGrace
	}
	switch {
	case !crossed:
		k.softSince, k.soft = never, false
	case k.softSince == never:
		k.softSince = r.now
		k.soft = grace == 0
	default:
		k.soft = r.now-k.softSince >= grace
	}
}
