package audit

import (
	"fmt"
	"slices"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
)

// sidecarOutweighsMain: of this pod the kernel would take the sidecar, and the rest goes on without it.
func sidecarOutweighsMain(c *audit, p *facts.PodState) {
	if !p.Production || p.Exempt || p.Usage == nil || len(c.v.OOM) == 0 {
		return
	}
	sidecar, main := c.heaviest(p)
	if sidecar == nil || main == nil {
		return
	}
	// Only usage is noisy in badness, so its difference is judged on the scale of usage.
	used := max(sidecar.Usage, main.Usage)
	if c.over(p, sidecar.Container, used+sidecar.Badness-main.Badness, used) {
		c.found(&hit{pod: p, container: sidecar.Container, readings: [2]int64{sidecar.Usage, main.Usage}})
	}
}

// heaviest are the sidecar and the regular container that the kernel would take first, nil without a reading.
func (c *audit) heaviest(p *facts.PodState) (sidecar, main *oom.Victim) {
	if !slices.ContainsFunc(p.Containers, func(k facts.Container) bool { return k.Kind == facts.Sidecar }) {
		return nil, nil
	}
	of := func(kind facts.ContainerKind) *oom.Victim {
		v := whatif.Likeliest(c.v, p, func(k *facts.Container) bool { return k.Kind == kind })
		if v == nil || !v.UsageKnown {
			return nil
		}
		return v
	}
	return of(facts.Sidecar), of(facts.Regular)
}

func sidecarOutweighsMainText(c *audit, h *hit) text {
	sidecar, main := c.heaviest(h.pod)
	t := text{message: fmt.Sprintf("Sidecar %s uses %s, %s %s: of this pod the kernel kills the sidecar first.",
		short(sidecar.ContainerName()), facts.Amount(sidecar.Usage), short(main.ContainerName()), facts.Amount(main.Usage))}
	t.fix, t.change = c.lighterSidecar(h.pod, sidecar, main)
	return t
}

// lighterSidecar is the request with which the sidecar weighs less than the main container. Its oom_score_adj is that of
// what it serves, if not lower, so the request may have to be larger than is sensible: then it should use less.
func (c *audit) lighterSidecar(p *facts.PodState, sidecar, main *oom.Victim) (fix string, ch whatif.Change) {
	i, name, capacity := sidecar.Container, sidecar.ContainerName(), c.v.Node.Capacity
	counts := int64(1000-sidecar.Adj) * (capacity / 1000) // what it is taken to request
	request := round(max(p.Containers[i].Request, counts) + max(sidecar.Badness-main.Badness, 0) + capacity/500)
	ch = whatif.Request(name, request)
	after, then := c.heaviest(whatif.Changed(p, p, ch))
	lighter := !p.PodLevel() && after != nil && then != nil && after.Badness < then.Badness
	switch {
	case lighter && request <= 2*suggest(sidecar.Usage):
		return fmt.Sprintf("%s: oom_score_adj %d -> %d, under %s's.",
			containerFix(p.Pod, i, request), sidecar.Adj, after.Adj, short(main.ContainerName())), ch
	case p.Containers[i].Limit == 0:
		return fmt.Sprintf("Give %s a limits.memory of its own, so that it is not the node's to pay for.", short(name)), nil
	case lighter:
		return fmt.Sprintf("Reduce what %s uses: it would have to request %s to weigh less than %s.",
			short(name), facts.Amount(request), short(main.ContainerName())), ch
	}
	return fmt.Sprintf("Reduce what %s uses: no request makes it weigh less than %s.", short(name), short(main.ContainerName())), nil
}
