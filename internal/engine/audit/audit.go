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

// rule finds one kind of misconfiguration, in each pod or in the node.
type rule struct {
	name     string
	severity engine.Severity
	pod      func(c *audit, p *facts.PodState) []hit
	node     func(c *audit) []hit
}

// hit is a rule's finding in one pod, or in the node.
type hit struct {
	pod *facts.PodState
	// container's name, "" for all of the pod.
	container string
	// severity, where it is not the rule's.
	severity *engine.Severity
	// figures are the readings, in bytes, that the text names: the text stays until one of them moves.
	figures [2]int64
	// text says what is wrong and what to change.
	text func() (message, fix string)
}

// Memory is what the last audit of a node found, so that noise changes neither what is found nor what is said. It
// may be lost: then texts are written anew. The zero value is none.
type Memory struct {
	audits int
	groups map[key]*group
}

// key of a finding: a rule, and the workload on this node or the pod without one.
type key struct {
	rule, namespace, kind, name, container string
}

// group is the hits of a rule in the pods of one workload.
type group struct {
	key   key
	rule  *rule
	order int
	hit   hit
	count int
	// since and last are the audits that found it first and last, without a break.
	since, last int
	said        said
}

// said is a text, the UID of the pod that it is about, and the figures it names.
type said struct {
	pod          string
	figures      [2]int64
	message, fix string
}

// audit is one audit at work.
type audit struct {
	v *engine.Verdict
	p *facts.Policy
	m *Memory
	// single is where one returns its hit.
	single [1]hit
}

// Find returns the findings about a verdict, worst first. It takes what the last audit of the node found from the
// memory and leaves there what this one finds.
func Find(v *engine.Verdict, p *facts.Policy, m *Memory) []engine.Finding {
	if m.groups == nil {
		m.groups = map[key]*group{}
	}
	m.audits++
	c := &audit{v: v, p: p, m: m}
	groups := make([]*group, 0, len(m.groups))
	for i := range rules {
		if p.DisabledFindings[rules[i].name] {
			continue
		}
		c.apply(&rules[i], func(h hit) {
			if g, first := c.found(i, h); first {
				groups = append(groups, g)
			}
		})
	}
	for k, g := range m.groups {
		if g.last != m.audits {
			delete(m.groups, k)
		}
	}
	slices.SortFunc(groups, compare)
	return c.render(groups)
}

func (c *audit) apply(r *rule, found func(hit)) {
	if r.node != nil {
		for _, h := range r.node(c) {
			found(h)
		}
		return
	}
	for i := range c.v.Node.Pods {
		for _, h := range r.pod(c, &c.v.Node.Pods[i]) {
			found(h)
		}
	}
}

// one returns a single hit, in a place that is used again.
func (c *audit) one(h hit) []hit {
	c.single[0] = h
	return c.single[:]
}

// found adds a hit to its group, and reports whether it is the first of this audit.
func (c *audit) found(order int, h hit) (g *group, first bool) {
	k := keyOf(rules[order].name, h)
	g = c.m.groups[k]
	if g == nil {
		g = &group{key: k, rule: &rules[order], order: order, since: c.m.audits}
		c.m.groups[k] = g
	}
	if g.last != c.m.audits {
		g.last, g.hit, g.count = c.m.audits, h, 1
		return g, true
	}
	// The pod that stood for the workload before does so again; else the first by name.
	g.count++
	if g.hit.pod.UID != g.said.pod && (h.pod.UID == g.said.pod || h.pod.Name < g.hit.pod.Name) {
		g.hit = h
	}
	return g, false
}

// was reports whether the last audit found that, too.
func (c *audit) was(name string, h hit) bool {
	g := c.m.groups[keyOf(name, h)]
	return g != nil && g.since < c.m.audits
}

func keyOf(rule string, h hit) key {
	if h.pod == nil {
		return key{rule: rule}
	}
	k := key{rule, h.pod.Namespace, h.pod.Workload.Kind, h.pod.Workload.Name, h.container}
	if h.pod.Workload == (facts.Workload{}) {
		k.kind, k.name = "Pod", h.pod.Name
	}
	return k
}

func (g *group) severity() engine.Severity {
	if g.hit.severity != nil {
		return *g.hit.severity
	}
	return g.rule.severity
}

// compare puts the worst first: by severity, by the table of rules, by name; never by a reading.
func compare(a, b *group) int {
	if c := cmp.Or(cmp.Compare(a.severity(), b.severity()), cmp.Compare(a.order, b.order)); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.key.namespace, b.key.namespace), cmp.Compare(a.key.name, b.key.name),
		cmp.Compare(a.key.kind, b.key.kind), cmp.Compare(a.key.container, b.key.container))
}

func (c *audit) render(groups []*group) []engine.Finding {
	findings := make([]engine.Finding, len(groups))
	for i, g := range groups {
		if i < MaxRendered {
			g.say()
		} else {
			g.said = said{}
		}
		findings[i] = engine.Finding{
			Rule: g.rule.name, Severity: g.severity(), Pod: g.hit.pod, Container: g.hit.container, Count: g.count,
			Message: g.said.message, Fix: g.said.fix,
		}
		g.hit = hit{} // it holds all of this audit's facts
	}
	return findings
}

// say writes the text, unless the one there is about the same pod and none of its figures moved by more than noise.
func (g *group) say() {
	pod := ""
	if g.hit.pod != nil {
		pod = g.hit.pod.UID
	}
	if g.said.message != "" && g.said.pod == pod && still(g.said.figures, g.hit.figures) {
		return
	}
	message, fix := g.hit.text()
	if g.count > 1 {
		message = plural(g.count) + message
	}
	g.said = said{pod, g.hit.figures, cut(message), cut(fix)}
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
func (c *audit) over(name string, p *facts.PodState, container string, reading, line int64) bool {
	band := facts.Band(line)
	switch {
	case reading > line+band:
		return true
	case reading <= line-band:
		return false
	}
	return c.was(name, hit{pod: p, container: container})
}
