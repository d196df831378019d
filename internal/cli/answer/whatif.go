package answer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/status"
)

// Question is a change to be judged: edits of pods, and bytes that processes outside of pods use more on each node.
type Question struct {
	Edits    []whatif.Edit
	Pressure int64
}

// changes reports whether an edit chooses the pod.
func (q *Question) changes(p *facts.PodState) bool {
	return slices.ContainsFunc(q.Edits, func(e whatif.Edit) bool { return e.Of(p) })
}

// WhatIf judges the nodes before and after the change. The error says that the API server would refuse it.
func WhatIf(nodes []*Node, q Question) (*kinds.WhatIf, error) {
	w := &kinds.WhatIf{TypeMeta: kinds.Type("WhatIf")}
	settings := map[string]bool{}
	recreated := false
	for _, n := range nodes {
		state := whatif.Apply(n.Verdict.Node, q.Edits...)
		if q.Pressure != 0 {
			state = whatif.Pressed(state, q.Pressure)
		}
		after := n.judged(state)
		for _, m := range whatif.Moves(n.Verdict, after.Verdict) {
			if err := add(w, n, after, &m, &q, settings); err != nil {
				return nil, err
			}
			recreated = recreated || q.changes(m.Before) && !sameSettings(m.Before, m.After)
		}
		firsts(w, n.Verdict, after.Verdict)
		compareFindings(w, n.Verdict, after.Verdict)
	}
	if q.Pressure != 0 {
		w.Changes = append(w.Changes, fmt.Sprintf("outside of pods: %s more in use on each node", human(q.Pressure)))
	}
	slices.SortStableFunc(w.Worse, func(a, b kinds.PodMove) int { return facts.TrueFirst(a.Critical, b.Critical) })
	w.NotKnown = notKnown(recreated)
	w.Answer = sentence(w)
	return w, nil
}

// add adds a pod, if the change is of the pod, or makes things worse for it.
func add(w *kinds.WhatIf, n, after *Node, m *whatif.Move, q *Question, settings map[string]bool) error {
	changed := q.changes(m.Before)
	if changed {
		if why := whatif.Refused(m.After.Pod); why != "" && whatif.Refused(m.Before.Pod) == "" {
			return fmt.Errorf("pod %s: the API server would refuse this: %s", fullName(m.After.Pod), why)
		}
		for _, s := range settingsOf(m.Before, m.After) {
			if !settings[s] {
				settings[s] = true
				w.Changes = append(w.Changes, s)
			}
		}
	}
	move := kinds.PodMove{
		Node: n.Verdict.Node.Name, Namespace: m.After.Namespace, Pod: m.After.Name, Critical: m.After.Critical,
		EvictionRank: kinds.Move[int]{Before: m.RanksBefore.Eviction, After: m.RanksAfter.Eviction},
		OOMRank:      kinds.Move[int]{Before: m.RanksBefore.OOM, After: m.RanksAfter.OOM},
		QOSClass:     kinds.Move[string]{Before: m.Before.QOS.String(), After: m.After.QOS.String()},
		Fits:         whatif.RoomOn(after.Verdict.Node).Fits(),
	}
	switch {
	case changed:
		w.Pods = append(w.Pods, move)
	case m.Nearer() && after.AtRisk(m.RanksAfter):
		w.Worse = append(w.Worse, move)
	}
	return nil
}

// settingsOf are the settings of a pod that a change has changed, as people write them.
func settingsOf(before, after *facts.PodState) (texts []string) {
	of := before.Namespace + "/" + cmp.Or(before.Workload.Name, before.Name)
	say := func(what, a, b string) {
		if a != b {
			texts = append(texts, fmt.Sprintf("%s %s %s -> %s", of, what, a, b))
		}
	}
	for i := range after.Containers {
		c := &after.Containers[i]
		var was facts.Container
		if k := slices.IndexFunc(before.Containers, ofName(c.Name)); k >= 0 {
			was = before.Containers[k]
		} else {
			texts = append(texts, fmt.Sprintf("%s container %s is new", of, c.Name))
		}
		name := ""
		if len(after.Containers) > 1 {
			name = c.Name + " "
		}
		say(name+"requests.memory", facts.Amount(was.Request), facts.Amount(c.Request))
		say(name+"limits.memory", limitText(was.Limit), limitText(c.Limit))
	}
	for i := range before.Containers {
		if c := &before.Containers[i]; c.Lasting() && !slices.ContainsFunc(after.Containers, ofName(c.Name)) {
			texts = append(texts, fmt.Sprintf("%s container %s is gone", of, c.Name))
		}
	}
	if after.PodLevel() || before.PodLevel() {
		say("pod requests.memory", facts.Amount(before.Request), facts.Amount(after.Request))
		say("pod limits.memory", limitText(before.Limit), limitText(after.Limit))
	}
	say("priority", fmt.Sprint(before.Priority), fmt.Sprint(after.Priority))
	if before.WorkingSet != after.WorkingSet {
		texts = append(texts, fmt.Sprintf("%s usage %s -> %s", fullName(before.Pod), human(before.WorkingSet), human(after.WorkingSet)))
	}
	return texts
}

func ofName(name string) func(facts.Container) bool {
	return func(c facts.Container) bool { return c.Name == name }
}

func limitText(bytes int64) string {
	if bytes == 0 {
		return "none"
	}
	return facts.Amount(bytes)
}

// sameSettings reports whether only usage differs.
func sameSettings(before, after *facts.PodState) bool {
	b, a := *before, *after
	b.WorkingSet, a.WorkingSet = 0, 0
	return len(settingsOf(&b, &a)) == 0
}

func notKnown(recreated bool) []string {
	if !recreated {
		return []string{"what usage will really be"}
	}
	return []string{
		"a change of a template makes new pods: the scheduler may place them on other nodes, and they begin with little memory",
		"a pod resized in place keeps its oom_score_adj until its container restarts",
	}
}

// firsts compares the first victims of a node.
func firsts(w *kinds.WhatIf, before, after *engine.Verdict) {
	node := before.Node.Name
	w.FirstEvicted = append(w.FirstEvicted, kinds.FirstMove{Node: node, Before: firstEvicted(before), After: firstEvicted(after)})
	w.FirstOOMKilled = append(w.FirstOOMKilled, kinds.FirstMove{Node: node, Before: firstKilled(before), After: firstKilled(after)})
	w.FirstAtLimit = append(w.FirstAtLimit, kinds.FirstMove{Node: node, Before: firstAtLimit(before), After: firstAtLimit(after)})
}

func firstEvicted(v *engine.Verdict) string {
	if len(v.Eviction) == 0 || v.Memory.ThresholdSource == engine.NoThreshold {
		return ""
	}
	return fullName(v.Eviction[0].Pod)
}

func firstKilled(v *engine.Verdict) string {
	if len(v.OOM) == 0 {
		return ""
	}
	return fullName(v.OOM[0].Pod)
}

func firstAtLimit(v *engine.Verdict) string {
	if len(v.Limits) == 0 {
		return ""
	}
	return fullName(v.Limits[0].Pod)
}

// findingKey is what a finding is about, whatever its text.
type findingKey struct{ rule, of, container string }

func keyOf(f *engine.Finding) findingKey {
	k := findingKey{rule: f.Rule, container: f.Container}
	if f.Pod != nil {
		k.of = f.Pod.Namespace + "/" + f.Pod.Workload.Kind + "/" + cmp.Or(f.Pod.Workload.Name, f.Pod.Name)
	}
	return k
}

func compareFindings(w *kinds.WhatIf, before, after *engine.Verdict) {
	w.Findings.Gone = append(w.Findings.Gone, onlyIn(before, after)...)
	w.Findings.New = append(w.Findings.New, onlyIn(after, before)...)
}

// onlyIn are the findings of one verdict that another has not.
func onlyIn(v, other *engine.Verdict) (findings []kinds.Finding) {
	known := map[findingKey]bool{}
	for i := range other.Findings {
		known[keyOf(&other.Findings[i])] = true
	}
	for i := range v.Findings {
		if f := &v.Findings[i]; !known[keyOf(f)] {
			findings = append(findings, findingOf(v.Node.Name, f))
		}
	}
	return findings
}

func findingOf(node string, f *engine.Finding) kinds.Finding {
	k := kinds.Finding{
		Rule: f.Rule, Severity: string(status.Severities[f.Severity]), Node: node, Container: f.Container,
		Message: f.Message, Fix: f.Fix,
	}
	if f.Pod != nil {
		k.Namespace, k.Pod = f.Pod.Namespace, f.Pod.Name
	}
	return k
}

// sentence says who dies first after the change, where that is another; else what becomes of the pods changed.
func sentence(w *kinds.WhatIf) string {
	var moves []string
	for _, m := range w.FirstEvicted {
		if m.Before != m.After {
			moves = append(moves, fmt.Sprintf("%s is evicted first on %s, no longer %s", orNobody(m.After), m.Node, orNobody(m.Before)))
		}
	}
	for i, m := range w.FirstOOMKilled {
		if e := w.FirstEvicted[i]; m.Before != m.After && (e.Before != m.Before || e.After != m.After) {
			moves = append(moves, fmt.Sprintf("the kernel kills %s first on %s, no longer %s",
				orNobody(m.After), m.Node, orNobody(m.Before)))
		}
	}
	if len(moves) > 0 {
		return elided(moves, "; ")
	}
	return "the first victims stay the same: " + elided(stays(w), ", ")
}

func stays(w *kinds.WhatIf) (texts []string) {
	for _, m := range w.FirstEvicted {
		texts = append(texts, orNobody(m.After)+" on "+m.Node)
	}
	return texts
}

func elided(texts []string, by string) string {
	if more := len(texts) - neighbours; more > 0 {
		return strings.Join(texts[:neighbours], by) + fmt.Sprintf(" and so on %d more nodes", more)
	}
	return strings.Join(texts, by)
}

func orNobody(pod string) string { return cmp.Or(pod, "nobody") }
