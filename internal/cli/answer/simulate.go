package answer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

const (
	// monitoringInterval is how often the kubelet looks at its signals (pkg/kubelet/kubelet.go,
	// evictionMonitoringPeriod, v1.37.2).
	monitoringInterval = 10 * time.Second
	// cleanupTimeout is how long it waits for an evicted pod before the next (podCleanupTimeout in
	// pkg/kubelet/eviction/eviction_manager.go, v1.37.2).
	cleanupTimeout = 30 * time.Second
	// mostSteps ends a simulation that nothing else does.
	mostSteps = 10000
)

// Growth is a pod that comes to use that many bytes.
type Growth struct {
	Pod   *facts.Pod
	Bytes int64
}

// Scene is how a node runs out of memory.
type Scene struct {
	// Killer is kinds.PlayKubelet, PlayKernel or PlayBoth.
	Killer string
	Grow   []Growth
	// Pressure is what processes outside of pods use more, in bytes. Without any and without growth, it is just enough for
	// the killer.
	Pressure int64
}

// simulation is one at work: a node without the pods that are dead, and what is left of its memory.
type simulation struct {
	n      *Node
	scene  *Scene
	state  facts.Node
	left   engine.Left
	memory engine.Memory
	out    *kinds.Simulation
	// passes of the kubelet so far.
	passes int
}

// Simulate plays the kills of a node that runs out of memory: the kubelet's until the nearer signal is above its threshold
// and minimum reclaim, the kernel's until what is wanted is there. Each victim is chosen anew, from those still alive. Who
// restarts is not played.
func Simulate(n *Node, scene Scene) (*kinds.Simulation, error) {
	v := n.Verdict
	if v.Memory.Available == facts.Unknown {
		return nil, errors.New("how much memory is left is unknown, since there is no reading of the node")
	}
	s := &simulation{n: n, scene: &scene, state: *v.Node, left: v.Memory.Left(v.Node), memory: v.Memory, out: &kinds.Simulation{
		TypeMeta: kinds.Type("Simulation"), Node: v.Node.Name, Killer: scene.Killer, Steps: []kinds.Step{},
		NotKnown: []string{"what restarted containers come to use", "how fast memory grows"},
	}}
	s.state.Pods = slices.Clone(v.Node.Pods)
	s.blame()
	s.press()
	s.out.Available, s.out.Headroom = kinds.Amount(s.left.Available), kinds.Amount(s.memory.Headroom)
	s.play()
	s.out.Answer = s.sentence()
	return s.out, nil
}

// blame names who grows: the pod of the scene, else the node's culprit.
func (s *simulation) blame() {
	switch {
	case len(s.scene.Grow) > 0:
		s.out.Culprit = fullName(s.scene.Grow[0].Pod)
	case s.n.Verdict.Culprit.PodState != nil:
		s.out.Culprit = fullName(s.n.Verdict.Culprit.Pod)
	}
}

// press takes the memory that the scene uses more. A pod that grows beyond its own limit dies there first, where the
// kernel plays.
func (s *simulation) press() {
	for _, g := range s.scene.Grow {
		s.grow(g)
	}
	pressure := s.scene.Pressure
	if pressure == 0 && len(s.scene.Grow) == 0 {
		pressure = s.justEnough()
	}
	if pressure > 0 {
		s.out.Pressure = append(s.out.Pressure, "outside of pods: "+human(pressure)+" more")
	}
	s.take(pressure, 0)
}

// justEnough is what the killer needs to set to work, in bytes.
func (s *simulation) justEnough() int64 {
	if s.scene.Killer == kinds.PlayKernel || !s.memory.HeadroomKnown {
		return max(s.left.Available, 0) + 1
	}
	return max(s.memory.Headroom, 0) + 1
}

// take uses more of the node's memory, and of kubepods'; less if negative.
func (s *simulation) take(node, pods int64) {
	s.left.Available, s.left.Pods = s.left.Available-node, s.left.Pods-pods
	s.memory = s.memory.With(&s.state, s.left)
}

func (s *simulation) grow(g Growth) {
	i := slices.IndexFunc(s.state.Pods, func(p facts.PodState) bool { return facts.SamePod(p.Pod, g.Pod) })
	if i < 0 {
		return // it has died of its growth already
	}
	p := &s.state.Pods[i]
	before := max(p.WorkingSet, 0)
	more := g.Bytes - before
	s.out.Pressure = append(s.out.Pressure, fmt.Sprintf("%s uses %s in place of %s", fullName(p.Pod), human(g.Bytes), human(p.WorkingSet)))
	c := largest(p)
	limit, of, rest := p.Limit, "", int64(0)
	if c >= 0 && p.Containers[c].Limit > 0 && (limit == 0 || p.Containers[c].Limit+otherUsage(p, c) < limit) {
		rest = otherUsage(p, c)
		limit, of = p.Containers[c].Limit+rest, p.Containers[c].Name
	}
	*p = grown(p, more)
	if limit > 0 && g.Bytes > limit && s.scene.Killer != kinds.PlayKubelet {
		s.take(limit-before, limit-before)
		s.kill(v1alpha1.KillerLimit, i, of, limit-rest)
		return
	}
	s.take(more, more)
}

// largest is the index of the running container that uses most, -1 if none runs.
func largest(p *facts.PodState) int {
	best := -1
	for i := range p.Containers {
		if p.Containers[i].Running && (best < 0 || usageOf(p, i) > usageOf(p, best)) {
			best = i
		}
	}
	return best
}

func usageOf(p *facts.PodState, i int) int64 {
	if p.Usage == nil {
		return 0
	}
	return max(p.Usage[i].WorkingSet, 0)
}

// otherUsage is what the pod uses beside one of its containers.
func otherUsage(p *facts.PodState, container int) int64 {
	return max(max(p.WorkingSet, 0)-usageOf(p, container), 0)
}

// grown is the pod with that many bytes more, in its largest container.
func grown(p *facts.PodState, more int64) facts.PodState {
	q := *p
	q.WorkingSet = max(p.WorkingSet, 0) + more
	q.Usage = slices.Clone(p.Usage)
	if c := largest(p); c >= 0 && q.Usage != nil {
		u := &q.Usage[c]
		u.WorkingSet = max(u.WorkingSet, 0) + more
		if u.RSS != facts.Unknown {
			u.RSS += more
		}
	}
	return q
}

// play lets the killers take turns: the kernel at once where memory is used up, the kubelet at its passes.
func (s *simulation) play() {
	for len(s.out.Steps) < mostSteps {
		kernel := s.scene.Killer != kinds.PlayKubelet && (s.left.Available < 0 || s.memory.OOMOfPods && s.left.Pods < 0)
		kubelet := s.scene.Killer != kinds.PlayKernel && s.evicts()
		switch {
		case kernel && s.oomKill(), kubelet && s.evict():
		case kernel || kubelet:
			s.out.End = kinds.EndExhausted
			return
		default:
			s.out.End = kinds.EndRelieved
			return
		}
	}
	s.out.End = kinds.EndExhausted
}

// evicts reports whether the kubelet would evict: below the threshold, or, once it has begun, below the threshold and what
// it reclaims beyond.
func (s *simulation) evicts() bool {
	target := int64(0)
	if s.passes > 0 {
		target = s.memory.MinReclaim
	}
	return s.memory.HeadroomKnown && s.memory.Headroom < target
}

// evict takes the kubelet's next victim.
func (s *simulation) evict() bool {
	order, _ := evict.Order(&s.state)
	if len(order) == 0 {
		return false
	}
	i := s.indexOf(order[0].Pod)
	s.passes++
	s.kill(v1alpha1.KillerEviction, i, "", s.state.Pods[i].WorkingSet)
	s.out.Steps[len(s.out.Steps)-1].Within = (monitoringInterval + time.Duration(s.passes-1)*cleanupTimeout).String()
	return true
}

func (s *simulation) indexOf(p *facts.Pod) int {
	return slices.IndexFunc(s.state.Pods, func(q facts.PodState) bool { return facts.SamePod(q.Pod, p) })
}

// oomKill takes the kernel's next victim: a container, whose pod stays with what else it runs.
func (s *simulation) oomKill() bool {
	order, err := oom.Order(&s.state, s.memory.OOMLimit)
	if err != nil || !s.state.Linux || len(order) == 0 {
		return false
	}
	k := &order[0]
	frees := facts.Unknown
	if k.UsageKnown {
		frees = k.Usage
	}
	s.kill(v1alpha1.KillerOOM, s.indexOf(k.Pod), k.ContainerName(), frees)
	return true
}

// kill takes a pod, or one of its containers, and what it used.
func (s *simulation) kill(killer v1alpha1.Killer, i int, container string, frees int64) {
	p := s.state.Pods[i]
	freed := max(frees, 0)
	s.take(-freed, -freed)
	step := kinds.Step{
		Step: len(s.out.Steps) + 1, Killer: killer, Namespace: p.Namespace, Pod: p.Name, Container: container, Critical: p.Critical,
		Available: kinds.Amount(s.left.Available),
	}
	if frees != facts.Unknown {
		step.Frees = kinds.Amount(frees)
	}
	s.out.Steps = append(s.out.Steps, step)
	earlier := slices.ContainsFunc(s.out.Steps[:step.Step-1], func(t kinds.Step) bool { return t.Pod == p.Name && t.Namespace == p.Namespace })
	if p.Critical && !earlier {
		s.out.CriticalLost++
	}
	if fullName(p.Pod) == s.out.Culprit && s.out.CulpritStep == 0 {
		s.out.CulpritStep = step.Step
	}
	if container == "" {
		s.state.Pods = slices.Delete(s.state.Pods, i, i+1)
		return
	}
	s.state.Pods[i] = without(&p, container, freed)
}

// without is the pod after a container of it has ended.
func without(p *facts.PodState, container string, freed int64) facts.PodState {
	q, pod := *p, *p.Pod
	pod.Containers = slices.Clone(pod.Containers)
	q.Usage = slices.Clone(p.Usage)
	for i := range pod.Containers {
		if pod.Containers[i].Name == container {
			pod.Containers[i].Running = false
			if q.Usage != nil {
				q.Usage[i] = facts.NoContainerUsage
			}
		}
	}
	if q.WorkingSet != facts.Unknown {
		q.WorkingSet = max(q.WorkingSet-freed, 0)
	}
	q.Pod = &pod
	return q
}

// sentence says how many die, who first, and what becomes of the culprit.
func (s *simulation) sentence() string {
	o := s.out
	if len(o.Steps) == 0 {
		if s.memory.ThresholdSource == engine.NoThreshold && o.Killer == kinds.PlayKubelet {
			return fmt.Sprintf("nobody is evicted on %s: it has no eviction threshold", o.Node)
		}
		if o.End == kinds.EndExhausted {
			return fmt.Sprintf("nobody on %s is left whom the %s may take", o.Node, o.Killer)
		}
		return fmt.Sprintf("nobody dies on %s: %s are left", o.Node, human(s.left.Available))
	}
	first := o.Steps[0]
	text := fmt.Sprintf("one dies on %s: %s/%s", o.Node, first.Namespace, first.Pod)
	if len(o.Steps) > 1 {
		text = fmt.Sprintf("%d die on %s, %s/%s first", len(o.Steps), o.Node, first.Namespace, first.Pod)
	}
	text += fmt.Sprintf("; critical pods lost: %d", o.CriticalLost)
	switch {
	case o.End == kinds.EndExhausted:
		text += "; it does not suffice"
	case o.Culprit != "" && o.CulpritStep == 0:
		text += fmt.Sprintf("; the culprit %s survives", o.Culprit)
	case o.Culprit != "":
		text += fmt.Sprintf("; the culprit %s is %s", o.Culprit, ordinal(o.CulpritStep))
	}
	return text
}
