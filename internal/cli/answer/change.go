package answer

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
)

// smallest request worth setting, and the step of suggested ones, in bytes.
const step = 32 * facts.MiB

// factors are the requests tried, in percent of what the pod uses: a margin over the usage first, so that the pod stays
// within its request, then more, which the kernel honours.
var factors = []int64{125, 150, 200, 300, 400, 600, 800}

// candidate is a change that might make a pod safe: requests, in bytes, and the limits that they need.
type candidate struct{ sets []set }

// set is the request of a container, or of the pod as a whole where container is "". A limit of 0 stays as it is.
type set struct {
	container      string
	init           bool
	request, limit int64
}

// change as the engine takes it.
func (c *candidate) change() whatif.Change {
	changes := make([]whatif.Change, len(c.sets))
	for i, s := range c.sets {
		if s.container == "" {
			changes[i] = whatif.RequestInAll(s.request)
		} else {
			changes[i] = whatif.Request(s.container, s.request)
		}
	}
	return whatif.All(changes...)
}

// outcome of a candidate on all nodes with replicas.
type outcome struct {
	candidate
	safe bool
	// ranks of the pod that was asked about.
	ranks whatif.Ranks
}

// cheapest is the change with the least added request that makes all replicas of the pod's workload safe, else the one
// that moves the pod furthest back. Every candidate is ranked by the engine on every node, and must fit beside what others
// request. why says what the change rests on, or why there is none.
func cheapest(n *Node, p *facts.PodState, nodes []*Node) (change *kinds.Change, why string) {
	before := n.ranks(p.Pod)
	switch {
	case !n.AtRisk(before):
		return nil, fmt.Sprintf("none is needed: it is not among the first %d of an order", n.Policy.RiskRank)
	case !n.Verdict.Outlook.NearerIsLow && p.WorkingSet != facts.Unknown && p.WorkingSet <= p.Request:
		return nil, "none is needed now: it is within its request, and memory is ample"
	case p.WorkingSet == facts.Unknown:
		return nil, "without a reading of its usage no request can be told"
	case !p.AnyRunning():
		return nil, "no container of it runs: what it would use is unknown"
	}
	best, refused := pick(n, p, nodes)
	switch {
	case best == nil && refused != "":
		return nil, refused
	case best == nil:
		return nil, "no request moves it back: a higher priority, less usage, or a node with more memory would"
	}
	c := &kinds.Change{What: best.what(), Safe: best.safe, EvictionRank: best.ranks.Eviction, OOMRank: best.ranks.OOM}
	command, problem := commandFor(p.Pod, best.sets)
	c.Command = command
	why = moved(before, best.ranks)
	if !best.safe {
		why += "; no request that fits makes it safe"
	}
	if worse := worsened(p, nodes, &best.candidate); worse != "" {
		why += "; " + worse
	}
	if problem != "" {
		why += "; " + problem
	}
	return c, why
}

// worsened names the critical pods that a change would put in danger, "" if there are none.
func worsened(p *facts.PodState, nodes []*Node, c *candidate) string {
	of := whatif.Replicas(p.Pod)
	var names []string
	for _, n := range nodes {
		for _, m := range pushed(n, n.changed(whatif.Edit{Of: of, Change: c.change()}), of) {
			names = append(names, fullName(m.After.Pod))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "but it brings critical pods nearer to the front: " + strings.Join(names[:min(len(names), neighbours)], ", ")
}

// ladder is a row of candidates, the cheapest first: of one kind, with ever larger requests.
type ladder func(percent int64) (candidate, bool)

// ladders are the kinds of changes to try: more for the pod as a whole where it has resources of its own; else for the
// container that lacks most, then for all containers.
func ladders(p *facts.PodState) []ladder {
	i := whatif.Neediest(p)
	switch {
	case p.PodLevel():
		return []ladder{func(percent int64) (candidate, bool) {
			request := share(p.WorkingSet, percent)
			return candidate{[]set{{request: request, limit: raised(p.Limit, request)}}}, request > p.Request
		}}
	case i < 0:
		return nil
	}
	one := func(percent int64) (candidate, bool) {
		total, c := share(p.WorkingSet, percent), &p.Containers[i]
		return candidate{[]set{more(c, c.Request+total-p.Request)}}, total > p.Request
	}
	if p.CountLasting() < 2 || p.Usage == nil {
		return []ladder{one}
	}
	return []ladder{one, func(percent int64) (c candidate, more bool) { return allContainers(p, percent) }}
}

// allContainers gives each container a request of that percentage of its usage, where the container has not more.
func allContainers(p *facts.PodState, percent int64) (c candidate, some bool) {
	for i := range p.Containers {
		k := &p.Containers[i]
		if want := share(max(p.Usage[i].WorkingSet, 0), percent); k.Lasting() && k.Running && want > k.Request {
			c.sets = append(c.sets, more(k, want))
		}
	}
	return c, len(c.sets) > 0
}

// share of an amount in percent, rounded up to a step.
func share(bytes, percent int64) int64 { return max((bytes/100*percent+step-1)/step*step, step) }

func more(c *facts.Container, request int64) set {
	request = max((request+step-1)/step*step, step)
	return set{container: c.Name, init: c.Kind == facts.Sidecar, request: request, limit: raised(c.Limit, request)}
}

// raised is the limit that a request needs, 0 if the limit is high enough, or none.
func raised(limit, request int64) int64 {
	if limit > 0 && limit < request {
		return request
	}
	return 0
}

// pick returns the least candidate that makes all replicas safe, else the one that moves the pod furthest back; nil, and
// why, if none fits or none helps.
func pick(n *Node, p *facts.PodState, nodes []*Node) (best *outcome, refused string) {
	for _, l := range ladders(p) {
		o, why := climb(n, p, nodes, l)
		if o != nil && (best == nil || o.safe && !best.safe || o.safe == best.safe && !o.safe && further(o.ranks, best.ranks)) {
			best = o
		}
		if best != nil && best.safe {
			return best, ""
		}
		refused = cmp.Or(refused, why)
	}
	return best, refused
}

// climb tries a ladder's candidates until one makes all replicas safe, and then those between that one and the one below.
func climb(n *Node, p *facts.PodState, nodes []*Node, l ladder) (best *outcome, refused string) {
	before, below := n.ranks(p.Pod), int64(100)
	for _, percent := range factors {
		c, some := l(percent)
		if !some {
			below = percent
			continue
		}
		if why := misfit(p, nodes, &c); why != "" {
			return best, why // larger ones do not fit either
		}
		o := try(n, p, nodes, c)
		if o.safe {
			return leastSafe(n, p, nodes, l, below, percent, o), ""
		}
		below = percent
		if further(o.ranks, before) && (best == nil || further(o.ranks, best.ranks)) {
			best = o
		}
	}
	return best, ""
}

// leastSafe halves the way between a percentage that is not safe and one that is, down to five percent.
func leastSafe(n *Node, p *facts.PodState, nodes []*Node, l ladder, below, percent int64, safe *outcome) *outcome {
	for low, high := max(below, factors[0]), percent; high-low > 5; {
		middle := (low + high) / 2
		c, some := l(middle)
		if o := try(n, p, nodes, c); some && o.safe {
			safe, high = o, middle
		} else {
			low = middle
		}
	}
	return safe
}

// try ranks a candidate on all nodes with replicas.
func try(n *Node, p *facts.PodState, nodes []*Node, c candidate) *outcome {
	ch := c.change()
	o := &outcome{candidate: c, safe: true, ranks: whatif.RanksIf(n.Verdict, p, ch)}
	for _, other := range nodes {
		for i := range other.Verdict.Node.Pods {
			q := &other.Verdict.Node.Pods[i]
			if facts.SameWorkload(p.Pod, q.Pod) && other.AtRisk(whatif.RanksIf(other.Verdict, q, ch)) {
				o.safe = false
			}
		}
	}
	return o
}

// further reports whether a pod with ranks a dies later than with ranks b: it is further back in one order, and not
// further in front in the other.
func further(a, b whatif.Ranks) bool {
	back := func(a, b int) bool { return b > 0 && (a == 0 || a > b) }
	front := func(a, b int) bool { return a > 0 && (b == 0 || a < b) }
	return (back(a.Eviction, b.Eviction) || back(a.OOM, b.OOM)) && !front(a.Eviction, b.Eviction) && !front(a.OOM, b.OOM)
}

// misfit says which node has no room for the change of its replicas, "" if all have.
func misfit(p *facts.PodState, nodes []*Node, c *candidate) string {
	for _, n := range nodes {
		changed := whatif.Apply(n.Verdict.Node, whatif.Edit{Of: whatif.Replicas(p.Pod), Change: c.change()})
		before, after := whatif.RoomOn(n.Verdict.Node), whatif.RoomOn(changed)
		if after.Fits() || after.Requested <= before.Requested {
			continue
		}
		return fmt.Sprintf("%s does not fit: node %s has %s free beside what is requested; "+
			"less usage, a higher priority, or another node would help",
			c.what(), n.Verdict.Node.Name, human(max(before.Free(), 0)))
	}
	return ""
}

// what the candidate sets, as people say it.
func (c *candidate) what() string {
	parts := make([]string, len(c.sets))
	for i, s := range c.sets {
		parts[i] = "requests.memory=" + facts.Amount(s.request)
		if s.limit > 0 {
			parts[i] += ", limits.memory=" + facts.Amount(s.limit)
		}
		if s.container == "" {
			parts[i] += " for the pod"
		} else {
			parts[i] += " for container " + s.container
		}
	}
	return strings.Join(parts, "; ")
}

// moved says what a change does to the ranks.
func moved(before, after whatif.Ranks) string {
	var parts []string
	for _, r := range []struct {
		verb          string
		before, after int
	}{{"evicted", before.Eviction, after.Eviction}, {"killed by the kernel", before.OOM, after.OOM}} {
		if r.before > 0 && r.after > 0 && r.before != r.after {
			parts = append(parts, fmt.Sprintf("%s as number %d in place of %d", r.verb, r.after, r.before))
		}
	}
	return strings.Join(parts, ", ")
}
