package status

import (
	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
)

// Severities are the names that the API has for the severities of findings.
var Severities = map[engine.Severity]v1alpha1.Severity{
	engine.Critical: v1alpha1.SeverityCritical,
	engine.Warning:  v1alpha1.SeverityWarning,
	engine.Info:     v1alpha1.SeverityInfo,
}

// weights of severities, the worst first.
var weights = map[v1alpha1.Severity]int{v1alpha1.SeverityCritical: 0, v1alpha1.SeverityWarning: 1, v1alpha1.SeverityInfo: 2}

// lines counts the findings as an object lists them: those that many workloads share are one.
func lines(found []engine.Finding) (count int) {
	for i := range found {
		if !found[i].Grouped {
			count++
		}
	}
	return count
}

// findings returns the worst findings, as many as an object shows.
func findings(found []engine.Finding) []v1alpha1.Finding {
	out := make([]v1alpha1.Finding, 0, min(len(found), v1alpha1.MaxFindings))
	for i := range found {
		f := &found[i]
		if f.Grouped {
			continue
		}
		if len(out) == cap(out) {
			break
		}
		e := v1alpha1.Finding{
			Rule: f.Rule, Severity: Severities[f.Severity], Container: f.Container, Workloads: int32(f.Workloads),
			Message: f.Message, Fix: f.Fix,
		}
		if f.Pod != nil {
			e.Namespace, e.Pod, e.Workload = f.Pod.Namespace, f.Pod.Name, WorkloadRef(f.Pod.Workload)
		}
		out = append(out, e)
	}
	return out
}

// ruleCounts counts findings by rule, each with its worst severity.
func ruleCounts(found []engine.Finding) map[string]RuleCount {
	counts := make(map[string]RuleCount, len(found))
	for i := range found {
		f := &found[i]
		c, seen := counts[f.Rule]
		c.Count++
		if s := Severities[f.Severity]; !seen || weights[s] < weights[c.Severity] {
			c.Severity = s
		}
		counts[f.Rule] = c
	}
	return counts
}
