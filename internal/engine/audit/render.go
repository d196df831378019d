package audit

import (
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/fair"
	"github.com/killorder/killorder/internal/facts"
)

// together is how many workloads, or containers, of one node with the same finding share a line. Two have more to say
// each on their own.
const together = 3

// shownLine is the groups that share a line of the list: those of one rule and severity where they are many. Critical findings
// have a line each.
type shownLine struct {
	groups []*group
	shared bool
	told   bool
}

// render makes findings of the groups, and gives MaxRendered lines a text. Those lines come first, each part worst first.
func (c *audit) render() []engine.Finding {
	shown := choose(c.lines())
	findings := make([]engine.Finding, 0, len(c.groups))
	for _, told := range []bool{true, false} {
		for i := range shown {
			if shown[i].told == told {
				findings = c.renderLine(findings, &shown[i])
			}
		}
	}
	return findings
}

// lines are the groups by the lines that they stand on, in their order.
func (c *audit) lines() []shownLine {
	all := make([]shownLine, 0, min(len(c.groups), 2*MaxRendered))
	for i := 0; i < len(c.groups); {
		rule, severity, end := c.groups[i].key.rule, c.groups[i].hit.severity, i+1
		for end < len(c.groups) && c.groups[end].key.rule == rule && c.groups[end].hit.severity == severity {
			end++
		}
		if end-i >= together && severity != engine.Critical {
			all = append(all, shownLine{groups: c.groups[i:end], shared: true})
			i = end
			continue
		}
		for ; i < end; i++ {
			all = append(all, shownLine{groups: c.groups[i : i+1]})
		}
	}
	return all
}

// choose marks the lines to be told. Where there are more than places, they are shared between namespaces, those of the node
// among them, so that one tenant's findings push out nobody else's; but nobody's Info pushes out anything worse.
func choose(all []shownLine) []shownLine {
	if len(all) <= MaxRendered {
		for i := range all {
			all[i].told = true
		}
		return all
	}
	infos := slices.IndexFunc(all, func(l shownLine) bool { return l.severity() == engine.Info })
	if infos < 0 {
		infos = len(all)
	}
	tell(all[:infos], MaxRendered)
	tell(all[infos:], max(MaxRendered-infos, 0))
	return all
}

func tell(part []shownLine, n int) {
	for i, kept := range fair.Keep(part, n, (*shownLine).namespace) {
		part[i].told = kept
	}
}

func (l *shownLine) severity() engine.Severity { return l.groups[0].hit.severity }

// namespace of the line, "" for one of the node. A line that stands for workloads of several namespaces is that of the first.
func (l *shownLine) namespace() string { return l.groups[0].key.workload.Namespace }

// renderLine adds the findings of a line.
func (c *audit) renderLine(to []engine.Finding, l *shownLine) []engine.Finding {
	count := workloads(l.groups)
	if l.told {
		about := sharing{}
		if l.shared {
			about = sharedBy(l.groups, count)
		}
		c.say(l.groups[0], about)
	}
	for i, g := range l.groups {
		to = append(to, c.finding(g, l.told && i == 0))
		to[len(to)-1].Grouped = i > 0
	}
	if l.shared {
		to[len(to)-len(l.groups)].Workloads = count
	}
	return to
}

// workloads counts the workloads that the groups of a rule are about: several containers of one are one.
func workloads(groups []*group) (count int) {
	for i, g := range groups {
		if i == 0 || g.key.workload != groups[i-1].key.workload {
			count++
		}
	}
	return count
}

// sharing is what a line stands for beside its own workload: the zero value for one that stands for itself.
type sharing struct {
	// count of what, and the names of the first two of them.
	count               int
	what, first, second string
}

func (s sharing) String() string {
	if s.count == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s (%s, %s, %d more). The first: ", s.count, s.what, short(s.first), short(s.second), s.count-2)
}

// sharedBy says that a line stands for several workloads, or for several containers of few workloads.
func sharedBy(groups []*group, count int) sharing {
	first := groups[0].key
	if count < together {
		return sharing{len(groups), "containers", first.container, groups[1].key.container}
	}
	s := sharing{count: count, what: "workloads", first: first.workload.Name}
	for _, g := range groups {
		if k := g.key.workload; k != first.workload && (s.second == "" || k.Namespace != first.workload.Namespace) {
			if s.second = k.Name; k.Namespace != first.workload.Namespace {
				break // of another tenant, if there is one
			}
		}
	}
	return s
}

// finding is the group as others see it, with its text if it is to be told.
func (c *audit) finding(g *group, told bool) engine.Finding {
	f := engine.Finding{
		Rule: c.rules[g.key.rule].name, Severity: g.hit.severity, Pod: g.hit.pod, Container: g.key.container, Count: g.count,
	}
	if told && g.said != nil {
		f.Message, f.Fix, f.AdvisedLimit = g.said.message, g.said.fix, g.said.limit
	}
	return f
}

// unseen are the ignored findings, with texts if they are asked for.
func (c *audit) unseen(told bool) []engine.Finding {
	if len(c.ignored) == 0 {
		return nil
	}
	findings := make([]engine.Finding, len(c.ignored))
	for i, g := range c.ignored {
		if told {
			c.say(g, sharing{})
		}
		findings[i] = c.finding(g, told)
		if findings[i].Ignored = g.reason; g.reason == "" {
			findings[i].Ignored = "no reason given"
		}
	}
	return findings
}

// say writes the text, unless the one there still says what is the case but for noise.
func (c *audit) say(g *group, shared sharing) {
	all := c.about(g)
	all.shared = shared
	about := maphash.Comparable(seed, all)
	if g.said != nil && g.said.about == about && still(g.said.readings, g.hit.readings, c.rise(g), c.band(g.hit.pod)) {
		return
	}
	t := c.rules[g.key.rule].text(c, &g.hit)
	before := shared.String()
	if g.count > 1 && before == "" {
		t.message = plural(g.count) + t.message
	}
	if end := g.hit.shownSince; end != 0 {
		before = fmt.Sprintf("Ignored until %s, which is over. ", time.Unix(end, 0).UTC().AddDate(0, 0, -1).Format(time.DateOnly)) + before
	}
	g.said = &said{all.pod, about, g.hit.readings, cut(before + t.message), cut(t.fix), t.limit, t.roomy}
}

// sixteenths of allocatable are requested: whether a fix fits the node is judged anew when that changes, not with every pod
// that comes and goes.
func (c *audit) sixteenths() int64 {
	if c.v.Node.Allocatable < 16 {
		return 0
	}
	return c.v.Memory.Requested / (c.v.Node.Allocatable / 16)
}

// about is all that a text depends on and that no noise changes.
func (c *audit) about(g *group) about {
	n := c.v.Node
	a := about{
		count: g.count, capacity: n.Capacity, allocatable: n.Allocatable, threshold: c.v.Memory.Threshold,
		requests16: c.sixteenths(), configured: n.Config != nil, settings: g.hit.settings, shownSince: g.hit.shownSince,
	}
	if p := g.hit.pod; p != nil {
		a.pod, a.qos, a.priority, a.requests, a.limits = p.UID, p.QOS, p.Priority, p.Request, p.Limit
		if p.Rare != nil {
			a.resize = p.Rare.Resize
		}
		for i := range p.Containers {
			k := &p.Containers[i]
			a.requests, a.limits, a.cpu = a.requests+k.Request, a.limits+k.Limit, a.cpu+k.CPURequest+k.CPULimit
		}
	}
	return a
}

// band of a pod's readings, or of the node's where there is no pod.
func (c *audit) band(p *facts.PodState) func(bytes int64) int64 {
	if p == nil {
		return facts.Band
	}
	return c.v.Calm.BandOf(p)
}

// rise is how far a reading may rise above the one in a text. Where the advice has room, and the node is far from its killers, the
// reading may rise by a tenth: the advice is still an eighth above the reading. What has a limit of its own has a killer of its own,
// and its reading is followed closely.
func (c *audit) rise(g *group) func(bytes int64) int64 {
	if g.hit.pod == nil || !g.said.roomy || hasLimit(&g.hit) {
		return facts.Band
	}
	calm := c.band(g.hit.pod)
	return func(bytes int64) int64 { return max(facts.Band(bytes), min(calm(bytes), bytes/10)) }
}

// hasLimit reports whether what the hit is about has a memory limit below the node's: the container's or the pod's, and for all of a
// pod that of any container.
func hasLimit(h *hit) bool {
	if h.container != none {
		return h.pod.Limit > 0 || h.pod.Containers[h.container].Limit > 0
	}
	return h.pod.Limit > 0 || slices.ContainsFunc(h.pod.Containers, func(k facts.Container) bool { return k.Limit > 0 })
}
