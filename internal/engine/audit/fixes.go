package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// text of a finding: what is wrong, what to change, and the change whose ranks the fix promises; nil if it promises
// none.
type text struct {
	message, fix string
	change       change
}

// fixed is a text whose fix says what the change does to the pod's ranks.
func (c *audit) fixed(p *facts.PodState, message, fix string, ch change) text {
	if m := moves(c.ranksIf(p, nil), c.ranksIf(p, ch)); m != "" {
		fix += ": " + m
	}
	return text{message, fix + ".", ch}
}

// requestFor says how the pod comes to request that much in all, and the change that does it: in the container that
// lacks most, or in the pod's own resources where it has some.
func requestFor(p *facts.PodState, total int64) (fix string, ch change) {
	i := neediest(p)
	if podLevel(p.Pod) || i == none {
		return "requests.memory " + amount(total) + " for the pod", requestingInAll(total)
	}
	together, peak := together(p.Pod)
	lacks := total - p.Request + max(peak-together, 0)
	request := roundUp(max(p.Containers[i].Request+lacks, 0), 32*mi)
	return containerFix(p.Pod, i, request), requesting(p.Containers[i].Name, request)
}

// containerFix says which request container i gets, and its limit where that must rise too.
func containerFix(p *facts.Pod, i int, request int64) string {
	k, fix := &p.Containers[i], "requests.memory "+amount(request)
	if k.Limit > 0 && k.Limit < request {
		fix += ", limits.memory " + amount(request)
	}
	if lasting(p) > 1 {
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
		if k.Kind != facts.Regular && k.Kind != facts.Sidecar {
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

// lasting counts the containers that run together.
func lasting(p *facts.Pod) (count int) {
	for i := range p.Containers {
		if k := p.Containers[i].Kind; k == facts.Regular || k == facts.Sidecar {
			count++
		}
	}
	return count
}

// guaranteedWith is the text of a pod that should be Guaranteed and request that much.
func (c *audit) guaranteedWith(p *facts.PodState, message string, request int64) text {
	request = roundUp(request, mi)
	in := ""
	if lasting(p.Pod) > 1 {
		in = " in all"
	}
	return c.fixed(p, message, fmt.Sprintf("requests.memory %s%s, limits equal, cpu too (Guaranteed)", amount(request), in),
		guaranteed(request))
}
