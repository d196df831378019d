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
	// limit that the fix advises for the container of the hit, in bytes; 0 if the fix advises none.
	limit int64
	// roomy: the advised amount is at least a quarter above what is used.
	roomy bool
}

// fixed is a text whose fix says what the change does to the pod's ranks.
func (c *audit) fixed(p *facts.PodState, message, fix string, ch whatif.Change) text {
	if m := c.moves(whatif.RanksIf(c.v, p, nil), whatif.RanksIf(c.v, p, ch)); m != "" {
		fix += ": " + m
	}
	return text{message: message, fix: fix + ".", change: ch}
}

// room is what each pod of the workload can request on this node, in bytes, beside what others request. room is
// facts.MaxBytes where the node does not say what is allocatable.
func (c *audit) room(p *facts.PodState) int64 {
	n := c.v.Node
	if n.Allocatable <= 0 {
		return facts.MaxBytes
	}
	replicas := int64(0)
	for i := range n.Pods {
		if facts.SameWorkload(n.Pods[i].Pod, p.Pod) {
			replicas++
		}
	}
	return p.Request + max(whatif.RoomOn(n).Free(), 0)/max(replicas, 1)
}

// within returns the amount, or as much of it as the most allows, in round numbers; ok is false where that is less than
// the least that helps.
func within(wanted, most, least int64) (bytes int64, ok bool) {
	if wanted <= most {
		return wanted, true
	}
	bytes = most / (32 * mi) * (32 * mi)
	return bytes, bytes >= least
}

// requestMore is the text of a pod that should request what it uses, with a margin. The text proposes no more than the node has
// left, and nothing that the spec asks for already.
func (c *audit) requestMore(p *facts.PodState, message string, used int64, remark string) text {
	if asked := c.askedAlready(p, used); asked != "" {
		return text{message: message, fix: asked}
	}
	request, ok := within(suggest(used), c.room(p), used+used/20)
	if !ok {
		return text{message: message, fix: c.noRoom(p)}
	}
	fix, ch := requestFor(p, request)
	t := c.fixed(p, message, fix+remark, ch)
	t.roomy = request >= suggest(used)
	return t
}

// noRoom is the fix where no request on this node covers what the pod uses.
func (c *audit) noRoom(p *facts.PodState) string {
	used, _ := usage(p)
	return fmt.Sprintf("No request on this node covers the %s it uses: %s is left for it "+
		"beside other requests. Lower its usage, or use a larger node.",
		facts.Amount(used), facts.Amount(max(c.room(p), 0)))
}

// askedAlready is the fix of a pod whose spec asks for at least that much, in a resize that is not in force; "" for
// others.
func (c *audit) askedAlready(p *facts.PodState, bytes int64) string {
	if p.Rare == nil || p.Rare.Resize.State == facts.NoResize || p.Rare.Resize.Request < bytes {
		return ""
	}
	return c.resizing(p, "A resize to "+facts.Amount(p.Rare.Resize.Request))
}

// limitAskedAlready is the fix of a pod whose spec asks for a larger limit, in a resize that is not in force; "" for others.
func (c *audit) limitAskedAlready(p *facts.PodState) string {
	if p.Rare == nil || p.Rare.Resize.State == facts.NoResize || p.Rare.Resize.Limit <= p.LimitInAll() {
		return ""
	}
	to := "no limit"
	if limit := p.Rare.Resize.Limit; limit < facts.MaxBytes {
		to = "a limit of " + facts.Amount(limit)
	}
	return c.resizing(p, "A resize to "+to)
}

// resizing says how far a resize is.
func (c *audit) resizing(p *facts.PodState, to string) string {
	switch p.Rare.Resize.State {
	case facts.ResizeDeferred:
		why := "the kubelet finds no room at present"
		if left := max(whatif.RoomOn(c.v.Node).Free(), 0); left < p.Rare.Resize.Request-p.Request {
			why = fmt.Sprintf("the node has %s left", facts.Amount(left))
		}
		return fmt.Sprintf("%s is Deferred: %s. Free memory on the node, or start the pod on another one.", to, why)
	case facts.ResizeInfeasible:
		return to + " is Infeasible on this node. Ask for less, or start the pod on a larger one."
	default:
		return to + " is in progress: wait for it."
	}
}

// requestFor says how the pod comes to request that much in all, and the change that does it: in the container that
// lacks most, or in the pod's own resources where it has some.
func requestFor(p *facts.PodState, total int64) (fix string, ch whatif.Change) {
	i := whatif.Neediest(p)
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

// guaranteedWith is the text of a pod that should be Guaranteed. Its limit is then its request, so both need a margin
// above what it has used at most: without one, the pod is killed at its own limit again and again.
func (c *audit) guaranteedWith(p *facts.PodState, message string) text {
	peak := max(p.Peak, p.WorkingSet)
	if asked := c.askedAlready(p, suggest(peak)); asked != "" {
		return text{message: message, fix: asked}
	}
	request, ok := within(roundUp(max(suggest(peak), p.Request), mi), c.room(p), peak+peak/8)
	if !ok {
		return text{message: message, fix: c.noRoom(p)}
	}
	in := ""
	if p.CountLasting() > 1 {
		in = " in all"
	}
	t := c.fixed(p, message, fmt.Sprintf("requests.memory %s%s, limits equal, cpu too (Guaranteed)", facts.Amount(request), in),
		whatif.Guaranteed(request))
	t.roomy = request >= suggest(peak)
	return t
}

// limitOf returns a limit for what uses that much at most: the wanted one, or as much of that as the node can give; ok is
// false where that leaves no margin of an eighth.
func (c *audit) limitOf(wanted, peak int64) (limit int64, ok bool) {
	if c.v.Node.Allocatable <= 0 {
		return wanted, true
	}
	return within(wanted, c.v.Node.Allocatable, peak+peak/8)
}

// noLimit is the fix where no limit that the node can give leaves a margin.
func (c *audit) noLimit(peak int64) string {
	return fmt.Sprintf("It has used %s, and the node can give %s in all: lower its usage, or use a larger node.",
		facts.Amount(peak), facts.Amount(c.v.Node.Allocatable))
}
