// Package audit finds what is misconfigured, and what to change: a table of rules, one a file. Fixes carry values
// that the engine has checked: it ranks the pod again as if they were set.
package audit

import (
	"cmp"
	"slices"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// MaxRendered is how many findings get a message and a fix; the others are only counted.
const MaxRendered = 8

// none stands for all of the pod where a container's index is expected.
const none = engine.PodLevel

// rule finds one kind of misconfiguration, in each pod or in the node: pod or node says where it is, and text what is
// wrong and what to change.
type rule struct {
	name     string
	severity engine.Severity
	pod      func(c *audit, p *facts.PodState)
	node     func(c *audit)
	text     func(c *audit, h *hit) text
}

// hit is a rule's finding in one pod, or in the node.
type hit struct {
	pod *facts.PodState
	// container's index, or none.
	container int
	severity  engine.Severity
	// readings in bytes that the text names: it stays until one of them moves by more than noise.
	readings [2]int64
	// settings that the text names beyond those of pod and node: it stays until one of them changes.
	settings [2]int64
}

// audit is one audit at work.
type audit struct {
	v *engine.Verdict
	p *facts.Policy
	m *History
	// rules are the table's; rule is the index of the one at work.
	rules  []rule
	rule   int
	groups []*group
}

// Find returns the findings about a verdict, worst first. It takes what the last audit of the node found from the
// memory and leaves there what this one finds.
func Find(v *engine.Verdict, p *facts.Policy, m *History) []engine.Finding {
	c := &audit{v: v, p: p, m: m, rules: rules, groups: make([]*group, 0, len(m.groups))}
	m.begin()
	for i := range rules {
		if !p.DisabledFindings[rules[i].name] {
			c.apply(i)
		}
	}
	m.end()
	slices.SortFunc(c.groups, compare)
	return c.render()
}

func (c *audit) apply(i int) {
	c.rule = i
	if c.rules[i].node != nil {
		c.rules[i].node(c)
		return
	}
	for k := range c.v.Node.Pods {
		c.rules[i].pod(c, &c.v.Node.Pods[k])
	}
}

// found adds a hit of the rule at work.
func (c *audit) found(h *hit) { c.foundAs(c.rules[c.rule].severity, h) }

// foundAs adds one of another severity than the rule's.
func (c *audit) foundAs(s engine.Severity, h *hit) {
	h.severity = s
	if g, first := c.m.add(c.rule, h); first {
		c.groups = append(c.groups, g)
	}
}

// foundIn adds a hit in all of a pod, whose text names these readings.
func (c *audit) foundIn(p *facts.PodState, readings ...int64) {
	h := hit{pod: p, container: none}
	copy(h.readings[:], readings)
	c.found(&h)
}

// foundInNode adds a hit in the node, whose text names these settings.
func (c *audit) foundInNode(settings ...int64) {
	h := hit{container: none}
	copy(h.settings[:], settings)
	c.found(&h)
}

// compare puts the worst first: by severity, by the table of rules, by name; never by a reading.
func compare(a, b *group) int {
	if c := cmp.Or(cmp.Compare(a.hit.severity, b.hit.severity), cmp.Compare(a.rule, b.rule)); c != 0 {
		return c
	}
	x, y := &a.key.workload, &b.key.workload
	return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Kind, y.Kind),
		cmp.Compare(a.key.container, b.key.container))
}

func (c *audit) render() []engine.Finding {
	findings := make([]engine.Finding, len(c.groups))
	for i, g := range c.groups {
		f := engine.Finding{
			Rule: c.rules[g.rule].name, Severity: g.hit.severity, Pod: g.hit.pod, Container: g.key.container, Count: g.count,
		}
		if i < MaxRendered {
			c.say(g)
			f.Message, f.Fix = g.said.message, g.said.fix
		}
		findings[i] = f
		g.hit = hit{} // it holds all of this audit's facts
	}
	return findings
}

// say writes the text, unless the one there still says what is the case but for noise.
func (c *audit) say(g *group) {
	about := c.about(g)
	if g.said.message != "" && g.said.about == about && still(g.said.readings, g.hit.readings) {
		return
	}
	t := c.rules[g.rule].text(c, &g.hit)
	if g.count > 1 {
		t.message = plural(g.count) + t.message
	}
	g.said = said{about, g.hit.readings, cut(t.message), cut(t.fix)}
}

// about is all that a text depends on and that no noise changes.
func (c *audit) about(g *group) about {
	n := c.v.Node
	a := about{
		count: g.count, capacity: n.Capacity, allocatable: n.Allocatable, threshold: c.v.Memory.Threshold,
		configured: n.Config != nil, settings: g.hit.settings,
	}
	if p := g.hit.pod; p != nil {
		a.pod, a.qos, a.priority, a.requests, a.limits = p.UID, p.QOS, p.Priority, p.Request, p.Limit
		for i := range p.Containers {
			k := &p.Containers[i]
			a.requests, a.limits, a.cpu = a.requests+k.Request, a.limits+k.Limit, a.cpu+k.CPURequest+k.CPULimit
		}
	}
	return a
}

func still(before, now [2]int64) bool {
	for i := range before {
		if max(before[i]-now[i], now[i]-before[i]) > facts.Band(before[i]) {
			return false
		}
	}
	return true
}

// over reports whether a reading is above a line by more than noise, or still above the line less noise where the
// last audit found the same.
func (c *audit) over(p *facts.PodState, container int, reading, line int64) bool {
	band := facts.Band(line)
	if reading <= line-band {
		return false
	}
	return c.m.held(c.rule, p, container, reading > line+band)
}
