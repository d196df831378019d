// Package audit finds what is misconfigured, and what to change: a table of rules, one a file. Fixes carry values
// that the engine has checked: it ranks the pod again as if they were set.
package audit

import (
	"cmp"
	"slices"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
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
	figures []int64
	// text says what is wrong and what to change.
	text func() (message, fix string)
}

// Memory is what the last audit of a node found, so that noise changes neither what is found nor what is said. It
// may be lost: then texts are written anew. The zero value is none.
type Memory map[key]remembered

// key of a finding: a rule, and the workload on this node or the pod without one.
type key struct {
	rule, namespace, kind, name, container string
}

type remembered struct {
	pod          string // UID of the pod that stands for the workload
	figures      []int64
	message, fix string
}

// audit is one audit at work.
type audit struct {
	v      *engine.Verdict
	p      *facts.Policy
	before Memory
}

// Find returns the findings about a verdict, worst first, and what to remember for the next audit of the node.
func Find(v *engine.Verdict, p *facts.Policy, before Memory) ([]engine.Finding, Memory) {
	c := &audit{v, p, before}
	var groups []group
	index := map[key]int{}
	for i := range rules {
		r := &rules[i]
		if p.DisabledFindings[r.name] {
			continue
		}
		c.apply(r, func(h hit) {
			k := keyOf(r, h)
			at, seen := index[k]
			if !seen {
				index[k] = len(groups)
				groups = append(groups, group{key: k, rule: r, order: i, hit: h, count: 1})
				return
			}
			groups[at].add(h, before[k].pod)
		})
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

func keyOf(r *rule, h hit) key {
	if h.pod == nil {
		return key{rule: r.name}
	}
	k := key{r.name, h.pod.Namespace, h.pod.Workload.Kind, h.pod.Workload.Name, h.container}
	if h.pod.Workload == (facts.Workload{}) {
		k.kind, k.name = "Pod", h.pod.Name
	}
	return k
}

// group is the hits of a rule in the pods of one workload.
type group struct {
	key   key
	rule  *rule
	order int
	hit   hit
	count int
}

// add takes another pod of the workload. The pod that stood for it before does so again; else the first by name.
func (g *group) add(h hit, before string) {
	g.count++
	if g.hit.pod.UID != before && (h.pod.UID == before || h.pod.Name < g.hit.pod.Name) {
		g.hit = h
	}
}

func (g *group) severity() engine.Severity {
	if g.hit.severity != nil {
		return *g.hit.severity
	}
	return g.rule.severity
}

// compare puts the worst first: by severity, by the table of rules, by name; never by a reading.
func compare(a, b group) int {
	return cmp.Or(cmp.Compare(a.severity(), b.severity()), cmp.Compare(a.order, b.order),
		cmp.Compare(a.key.namespace, b.key.namespace), cmp.Compare(a.key.name, b.key.name),
		cmp.Compare(a.key.kind, b.key.kind), cmp.Compare(a.key.container, b.key.container))
}

func (c *audit) render(groups []group) ([]engine.Finding, Memory) {
	findings, after := make([]engine.Finding, len(groups)), make(Memory, len(groups))
	for i := range groups {
		g := &groups[i]
		m := remembered{figures: g.hit.figures}
		if g.hit.pod != nil {
			m.pod = g.hit.pod.UID
		}
		if i < MaxRendered {
			if was, ok := c.before[g.key]; ok && was.message != "" && was.pod == m.pod && still(was.figures, m.figures) {
				m = was
			} else {
				m.message, m.fix = g.hit.text()
				if g.count > 1 {
					m.message = plural(g.count) + m.message
				}
				m.message, m.fix = cut(m.message), cut(m.fix)
			}
		}
		after[g.key] = m
		findings[i] = engine.Finding{
			Rule: g.rule.name, Severity: g.severity(), Pod: g.hit.pod, Container: g.hit.container, Count: g.count,
			Message: m.message, Fix: m.fix,
		}
	}
	return findings, after
}

// still reports whether no figure moved by more than noise.
func still(before, now []int64) bool {
	return slices.EqualFunc(before, now, func(a, b int64) bool { return max(a-b, b-a) <= facts.Band(a) })
}

// over reports whether a reading is above a line by more than noise, or still above the line less noise where the
// last audit found the same.
func (c *audit) over(name string, p *facts.PodState, container string, reading, line int64) bool {
	band := facts.Band(line)
	if _, was := c.before[keyOf(&rule{name: name}, hit{pod: p, container: container})]; was {
		return reading > line-band
	}
	return reading > line+band
}

// ranks are a pod's places in both orders; 0 where it has none.
type ranks struct {
	eviction, oom int
	lastOOM       bool
}

// ranksIf are the ranks of a pod if its workload's pods on the node were changed so.
func (c *audit) ranksIf(p *facts.PodState, change func(*facts.Pod)) ranks {
	workload := func(q *facts.PodState) bool {
		return q.UID == p.UID || (p.Workload != (facts.Workload{}) && q.Namespace == p.Namespace && q.Workload == p.Workload)
	}
	changed := func(q *facts.PodState) *facts.PodState {
		if change == nil || !workload(q) {
			return q
		}
		pod, state := *q.Pod, *q
		pod.Containers = slices.Clone(pod.Containers)
		for i := range pod.Containers {
			pod.Containers[i].AtStart = nil // a changed pod is a new one
		}
		change(&pod)
		state.Pod = &pod
		return &state
	}
	return ranks{eviction: c.evictionRank(p, changed)}.withOOM(c, p, changed)
}

func (c *audit) evictionRank(p *facts.PodState, changed func(*facts.PodState) *facts.PodState) int {
	if p.Exempt {
		return 0
	}
	self, rank := evict.Of(changed(p), c.v.Node.SandboxStats), 1
	for i := range c.v.Eviction {
		if q := c.v.Eviction[i].PodState; q != p {
			if other := evict.Of(changed(q), c.v.Node.SandboxStats); evict.Compare(&other, &self) < 0 {
				rank++
			}
		}
	}
	return rank
}

// withOOM adds the rank of the pod's likeliest container.
func (r ranks) withOOM(c *audit, p *facts.PodState, changed func(*facts.PodState) *facts.PodState) ranks {
	best, found := int64(0), false
	limit := c.v.Memory.OOMLimit
	mine := changed(p)
	for i := range mine.Containers {
		if k, err := oom.Of(mine, i, c.v.Node.Capacity, limit); err == nil && mine.Containers[i].Running && (!found || k.Badness > best) {
			best, found = k.Badness, true
		}
	}
	if !found || len(c.v.OOM) == 0 {
		return r
	}
	r.oom, r.lastOOM = 1, true
	for i := range c.v.OOM {
		k := &c.v.OOM[i]
		if k.PodState == p {
			continue
		}
		other, err := oom.Of(changed(k.PodState), k.Container, c.v.Node.Capacity, limit)
		switch {
		case err != nil:
		case other.Badness > best:
			r.oom++
		default:
			r.lastOOM = false
		}
	}
	return r
}
