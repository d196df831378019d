package answer

import (
	"errors"
	"fmt"
	"time"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/status"
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
	// Over is the time that it all takes; 0 for at once.
	Over time.Duration
}

// Simulate plays the kills of a node that runs out of memory, by the engine.
func Simulate(n *Node, scene Scene) (*kinds.Simulation, error) {
	v := n.Verdict
	if v.Memory.Available == facts.Unknown {
		return nil, errors.New("how much memory is left is unknown, since there is no reading of the node")
	}
	o := &kinds.Simulation{
		TypeMeta: kinds.Type("Simulation"), Node: v.Node.Name, Killer: scene.Killer, Steps: []kinds.Step{},
		Culprit:  n.culprit(scene.Grow),
		NotKnown: []string{"what restarted containers come to use", "how much page cache is given back"},
	}
	scenario := n.scenario(&scene, o)
	q := whatif.Simulate(v, scenario)
	for i := range q.Steps {
		addStep(o, &q.Steps[i])
	}
	o.CriticalLost, o.End = q.CriticalLost, kinds.EndRelieved
	if q.End != whatif.Relieved {
		o.End = kinds.EndExhausted
	}
	o.Answer = n.simulationSentence(o)
	return o, nil
}

// culprit is the pod of the scene that grows, else the node's culprit, as NAMESPACE/NAME; "" if there is none.
func (n *Node) culprit(grow []Growth) string {
	switch {
	case len(grow) > 0:
		return fullName(grow[0].Pod)
	case n.Verdict.Culprit.PodState != nil:
		return fullName(n.Verdict.Culprit.Pod)
	}
	return ""
}

// scenario is the scene as the engine takes it; what it says of the pressure goes to the answer.
func (n *Node) scenario(scene *Scene, o *kinds.Simulation) *whatif.Scenario {
	s := &whatif.Scenario{
		Kubelet: scene.Killer != kinds.PlayKernel, Kernel: scene.Killer != kinds.PlayKubelet, Outside: scene.Pressure, Over: scene.Over,
	}
	more := int64(0)
	for _, g := range scene.Grow {
		before := max(n.PodOf(g.Pod).WorkingSet, 0)
		s.Growths = append(s.Growths, whatif.Growth{Pod: g.Pod, Bytes: g.Bytes - before})
		o.Pressure = append(o.Pressure, fmt.Sprintf("%s uses %s in place of %s", fullName(g.Pod), human(g.Bytes), human(before)))
		more += g.Bytes - before
	}
	if s.Outside == 0 && len(s.Growths) == 0 {
		s.Outside = n.justEnough(scene.Killer)
	}
	if s.Outside > 0 {
		o.Pressure = append(o.Pressure, "outside of pods: "+human(s.Outside)+" more")
	}
	if scene.Over > 0 {
		o.Pressure = append(o.Pressure, "within "+scene.Over.String())
	}
	m := &n.Verdict.Memory
	o.Available = kinds.Amount(m.Available - more - s.Outside)
	if m.HeadroomKnown {
		o.Headroom = kinds.Amount(m.Headroom - more - s.Outside)
	}
	return s
}

// justEnough is what processes outside of pods must use more for the killer to set to work, in bytes.
func (n *Node) justEnough(killer string) int64 {
	m := &n.Verdict.Memory
	if killer == kinds.PlayKernel {
		return max(m.Available, 0) + 1
	}
	return max(m.Available-max(m.Threshold, m.SoftThreshold), 0) + 1
}

func addStep(o *kinds.Simulation, s *whatif.Step) {
	step := kinds.Step{
		Step: len(o.Steps) + 1, Killer: status.Killers[s.Killer],
		Namespace: s.Victim.Namespace, Pod: s.Victim.Name, Container: s.ContainerName(),
		Critical: s.Victim.Critical, Available: kinds.Amount(s.Available), At: s.At.String(),
	}
	if s.Frees > 0 || s.Victim.WorkingSet != facts.Unknown {
		step.Frees = kinds.Amount(s.Frees)
	}
	o.Steps = append(o.Steps, step)
	if fullName(s.Victim.Pod) == o.Culprit && o.CulpritStep == 0 {
		o.CulpritStep = step.Step
	}
}

// simulationSentence says how many die, who first, and what becomes of the culprit.
func (n *Node) simulationSentence(o *kinds.Simulation) string {
	if len(o.Steps) == 0 {
		if n.Verdict.Memory.ThresholdSource == engine.NoThreshold && o.Killer == kinds.PlayKubelet {
			return fmt.Sprintf("nobody is evicted on %s: it has no eviction threshold", o.Node)
		}
		if o.End == kinds.EndExhausted {
			return fmt.Sprintf("nobody on %s is left whom the %s may take", o.Node, o.Killer)
		}
		return fmt.Sprintf("nobody dies on %s: %s are left", o.Node, human(o.Available.Value()))
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
