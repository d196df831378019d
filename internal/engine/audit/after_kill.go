package audit

import (
	"fmt"
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// limitKilledAgain: a limit that was reached at least twice within a day will be reached again, since a restart changes
// nothing of what the container needs.
func limitKilledAgain(c *audit, p *facts.PodState) {
	c.limitKills(p, func(k *facts.LimitKills) bool { return k.Times >= 2 })
}

// fixLimitKilled: a fix of ours advised the limit, and the limit was reached: the advice was too low.
func fixLimitKilled(c *audit, p *facts.PodState) {
	c.limitKills(p, func(k *facts.LimitKills) bool { return k.Advised != "" })
}

// limitKills adds a hit for each container whose kills at a limit are wanted.
func (c *audit) limitKills(p *facts.PodState, wanted func(*facts.LimitKills) bool) {
	if p.Killed == nil {
		return
	}
	for i := range p.Killed.Limits {
		k := &p.Killed.Limits[i]
		h := hit{pod: p, container: containerNamed(p.Pod, k.Container), settings: [2]int64{int64(k.Times), k.Limit}}
		if !wanted(k) || (h.container == none && k.Container != "") {
			continue
		}
		if l := limitOf(&h); l > 0 && (k.Limit == 0 || l <= k.Limit) { // a limit that was raised or removed since is mended
			c.found(&h)
		}
	}
}

// containerNamed is a container's index, none (-1) for a name that the pod does not have.
func containerNamed(p *facts.Pod, name string) int {
	return slices.IndexFunc(p.Containers, func(c facts.Container) bool { return c.Name == name })
}

// killsOf are the kills that a hit is about.
func killsOf(h *hit) *facts.LimitKills {
	for i := range h.pod.Killed.Limits {
		if k := &h.pod.Killed.Limits[i]; containerNamed(h.pod.Pod, k.Container) == h.container {
			return k
		}
	}
	return &facts.LimitKills{}
}

func limitKilledAgainText(c *audit, h *hit) text {
	k := killsOf(h)
	message := fmt.Sprintf("Reached its memory limit%s %d times within a day, and was killed each time", ofAmount(k.Limit), k.Times)
	if k.Tmpfs == "" {
		t := c.higherLimit(h, k)
		t.message = message + "."
		return t
	}
	limit := max(k.Limit, limitOf(h))
	return text{
		message: fmt.Sprintf("%s: files in volume %s stay and count, so restarts do not help.", message, short(k.Tmpfs)),
		fix: fmt.Sprintf("Delete the pod or those files; then emptyDir.sizeLimit %s, or a limits.memory that holds both.",
			facts.Amount(max(limit/4/mi*mi, mi))),
	}
}

func fixLimitKilledText(c *audit, h *hit) text {
	k := killsOf(h)
	t := c.higherLimit(h, k)
	t.message = fmt.Sprintf("Reached its memory limit%s, which the fix of %s advised: that was too low for its peaks.",
		ofAmount(k.Limit), k.Advised)
	return t
}

// higherLimit advises half more than the limit that was reached: how much the container would have taken is not known.
func (c *audit) higherLimit(h *hit, k *facts.LimitKills) text {
	reached := max(k.Limit, limitOf(h))
	if asked := c.limitAskedAlready(h.pod); asked != "" {
		return text{fix: asked}
	}
	more, ok := c.limitOf(round(reached+reached/2), reached)
	switch {
	case reached == 0:
		return text{fix: "Set limits.memory above its peak, or find what grows."}
	case !ok:
		return text{fix: "Find what grows. " + c.noLimit(reached)}
	}
	of := "limits.memory"
	if h.container == none {
		of = "The pod's limits.memory"
	}
	return text{fix: fmt.Sprintf("%s %s, or find what grows.", of, facts.Amount(more)), limit: more}
}

func ofAmount(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return " of " + facts.Amount(bytes)
}

// killedOnSeveralNodes: where the same killer takes a workload's pods wherever they run, no node is to blame.
func killedOnSeveralNodes(c *audit, p *facts.PodState) {
	if p.Killed == nil || p.Killed.Everywhere == nil {
		return
	}
	e := p.Killed.Everywhere
	c.found(&hit{pod: p, container: none, settings: [2]int64{int64(e.Nodes), int64(e.Kills)}})
}

var changeAfter = map[string]string{
	"Eviction":       "requests.memory above what its pods use; kubectl killorder explain says how much.",
	"PodsOOM":        "requests.memory at what its pods use, and a memory limit for what grows.",
	"NodeOOM":        "requests.memory at what its pods use, and a memory limit for what grows.",
	"ContainerLimit": "limits.memory above its peak, or find what grows.",
	"PodLimit":       "The pod's limits.memory above its peak, or find what grows.",
}

func killedOnSeveralNodesText(_ *audit, h *hit) text {
	e := h.pod.Killed.Everywhere
	fix, known := changeAfter[e.Cause]
	if !known {
		fix = "Look for what kills it in the logs of one of the nodes."
	}
	return text{
		message: fmt.Sprintf("The same killer (%s) took %d of its pods on %d nodes within a day: the workload is the cause, no node is.",
			e.Cause, e.Kills, e.Nodes),
		fix: fix,
	}
}
