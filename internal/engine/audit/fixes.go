package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
)

// text of a finding: what is wrong, what to change, and the change whose ranks the fix promises; nil if it promises
// none.
type text struct {
	message, fix string
	change       whatif.Change
}

// fixed is a text whose fix says what the change does to the pod's ranks.
func (c *audit) fixed(p *facts.PodState, message, fix string, ch whatif.Change) text {
	if m := moves(whatif.RanksIf(c.v, p, nil), whatif.RanksIf(c.v, p, ch)); m != "" {
		fix += ": " + m
	}
	return text{message, fix + ".", ch}
}

// requestFor says how the pod comes to request that much in all, and the change that does it: in the container that
// lacks most, or in the pod's own resources where it has some.
func requestFor(p *facts.PodState, total int64) (fix string, ch whatif.Change) {
	i := neediest(p)
	if p.PodLevel() || i == none {
		return "requests.memory " + facts.Amount(total) + " for the pod", whatif.RequestInAll(total)
	}
	lacks := total - p.Request + max(p.InitPeak()-p.RequestedTogether(), 0)
	request := roundUp(max(p.Containers[i].Request+lacks, 0), 32*mi)
	return containerFix(p.Pod, i, request), whatif.Request(p.Containers[i].Name, request)
}

// containerFix says which request container i gets, and its limit where that must rise too.
func containerFix(p *facts.Pod, i int, request int64) string {
	k, fix := &p.Containers[i], "requests.memory "+facts.Amount(request)
	if k.Limit > 0 && k.Limit < request {
		fix += ", limits.memory " + facts.Amount(request)
	}
	if p.CountLasting() > 1 {
		return short(k.Name) + ": " + fix
	}
	return fix
}

// neediest is the container that is furthest over its request, the first regular one where nothing is known; none if
// there is none.
func neediest(p *facts.PodState) int {
	best, over := none, int64(0)
	for i := range p.Containers {
		k := &p.Containers[i]
		if !k.Lasting() {
			continue
		}
		used := containerUsage(p, i)
		switch {
		case used != facts.Unknown && (best == none || used-k.Request > over):
			best, over = i, used-k.Request
		case best == none && k.Kind == facts.Regular:
			best, over = i, 0
		}
	}
	return best
}

// guaranteedWith is the text of a pod that should be Guaranteed and request that much.
func (c *audit) guaranteedWith(p *facts.PodState, message string, request int64) text {
	request = roundUp(request, mi)
	in := ""
	if p.CountLasting() > 1 {
		in = " in all"
	}
	return c.fixed(p, message, fmt.Sprintf("requests.memory %s%s, limits equal, cpu too (Guaranteed)", facts.Amount(request), in),
		whatif.Guaranteed(request))
}
