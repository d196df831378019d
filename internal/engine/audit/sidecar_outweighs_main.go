package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// sidecarOutweighsMain: of this pod the kernel would take the sidecar, and the rest goes on without it.
func sidecarOutweighsMain(c *audit, p *facts.PodState) []hit {
	if !p.Production || p.Exempt || p.Usage == nil || len(c.v.OOM) == 0 {
		return nil
	}
	sidecar, main := c.heaviest(p, facts.Sidecar), c.heaviest(p, facts.Regular)
	if sidecar == nil || main == nil {
		return nil
	}
	// Only usage is noisy in badness, so its difference is judged on the scale of usage.
	used, name := max(sidecar.Usage, main.Usage), sidecar.ContainerName()
	if !c.over("SidecarOutweighsMain", p, name, used+sidecar.Badness-main.Badness, used) {
		return nil
	}
	return c.one(hit{pod: p, container: name, figures: [2]int64{sidecar.Usage, main.Usage}, text: func() (string, string) {
		return fmt.Sprintf("Sidecar %s uses %s, %s %s: of this pod the kernel kills the sidecar first.",
			name, amount(sidecar.Usage), main.ContainerName(), amount(main.Usage)), c.lighterSidecar(p, sidecar, main)
	}})
}

// heaviest is the pod's running container of a kind with the largest badness, nil if there is none with a reading.
func (c *audit) heaviest(p *facts.PodState, kind facts.ContainerKind) (heaviest *oom.Victim) {
	for i := range p.Containers {
		if k := &p.Containers[i]; !k.Running || k.Kind != kind {
			continue
		}
		v, err := oom.Of(p, i, c.v.Node.Capacity, c.v.Memory.OOMLimit)
		if err == nil && v.UsageKnown && (heaviest == nil || v.Badness > heaviest.Badness) {
			heaviest = &v
		}
	}
	return heaviest
}

// lighterSidecar is the request with which the sidecar weighs less than the main container.
func (c *audit) lighterSidecar(p *facts.PodState, sidecar, main *oom.Victim) string {
	request := suggest(p.Containers[sidecar.Container].Request + sidecar.Badness - main.Badness)
	pod := *p.Pod
	pod.Containers = append([]facts.Container(nil), p.Containers...)
	pod.Containers[sidecar.Container].Request, pod.Containers[sidecar.Container].AtStart = request, nil
	state := *p
	state.Pod = &pod
	v, err := oom.Of(&state, sidecar.Container, c.v.Node.Capacity, c.v.Memory.OOMLimit)
	if err != nil || v.Badness >= main.Badness {
		return fmt.Sprintf("Give %s a limits.memory of its own, so that it is not the node's to pay for.", sidecar.ContainerName())
	}
	return fmt.Sprintf("%s: requests.memory %s: oom_score_adj %d -> %d, under %s's.",
		sidecar.ContainerName(), amount(request), sidecar.Adj, v.Adj, main.ContainerName())
}
