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
	// shownSince is when the wish not to see the finding ended, in Unix seconds; 0 if there was none.
	shownSince int64
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
	byKey  map[key]*group
	// ignored are the hits that nobody wants to see, by what they would be grouped by.
	ignored []*group
}

// Find returns the findings about a verdict, worst first, and those that annotations ask not to show. A finding is about
// all pods of a workload on the node. Where several workloads have the same, the first finding is the line for all of them
// (Workloads), and the others are Grouped into it. Find takes what the last audit of the node found from the history and
// leaves there what this one finds.
func Find(v *engine.Verdict, p *facts.Policy, m *History) (found, ignored []engine.Finding) {
	c := run(v, p, m, func(*rule) bool { return true })
	found = c.render()
	m.keep(c.groups)
	return found, c.unseen(false)
}

// run applies the wanted rules.
func run(v *engine.Verdict, p *facts.Policy, m *History, wanted func(*rule) bool) *audit {
	c := &audit{v: v, p: p, m: m, rules: rules, groups: make([]*group, 0, m.found), byKey: make(map[key]*group, m.found)}
	m.begin()
	for i := range rules {
		if !p.DisabledFindings[rules[i].name] && !v.Node.Virtual && wanted(&rules[i]) {
			c.apply(i)
		}
	}
	m.end()
	slices.SortFunc(c.groups, compare)
	slices.SortFunc(c.ignored, compare)
	return c
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
	if c.unwanted(h) {
		return
	}
	c.add(h)
}

// unwanted reports whether an annotation asks not to show the hit, and keeps it with the ignored ones then. The wish may
// have ended: then the hit says so.
func (c *audit) unwanted(h *hit) bool {
	ignores := c.v.Node.Ignores
	if h.pod != nil {
		ignores = nil
		if r := h.pod.Rare; r != nil {
			ignores = r.Ignores
		}
	}
	i := slices.IndexFunc(ignores, func(w facts.Ignore) bool { return w.Rule == c.rules[c.rule].name })
	if i < 0 {
		return false
	}
	if end := ignores[i].Until; end != 0 && end <= c.v.At.Unix() {
		h.shownSince = end
		return false
	}
	k := keyOf(c.rule, h)
	if g := slices.IndexFunc(c.ignored, func(g *group) bool { return g.key == k }); g >= 0 {
		c.ignored[g].count++
		return true
	}
	c.ignored = append(c.ignored, &group{key: k, hit: *h, count: 1, reason: ignores[i].Reason})
	return true
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
	if c := cmp.Or(cmp.Compare(a.hit.severity, b.hit.severity), cmp.Compare(a.key.rule, b.key.rule)); c != 0 {
		return c
	}
	x, y := &a.key.workload, &b.key.workload
	return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Kind, y.Kind),
		cmp.Compare(a.key.container, b.key.container))
}

// still reports whether readings have not moved by more than noise: risen by no more than rise allows, fallen by no more than fall
// allows.
func still(before, now [2]int64, rise, fall func(int64) int64) bool {
	for i := range before {
		if now[i]-before[i] > rise(before[i]) || before[i]-now[i] > fall(before[i]) {
			return false
		}
	}
	return true
}

// over reports whether a reading is above a line by more than noise, or still above the line less noise where the
// last audit found the same. The noise is no wider in a calm node: what a finding says has to be true.
func (c *audit) over(p *facts.PodState, container int, reading, line int64) bool {
	if reading <= line-facts.Band(line) {
		return false
	}
	return c.m.held(c.rule, p, container, reading > line+facts.Band(line))
}
