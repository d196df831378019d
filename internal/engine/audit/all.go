package audit

import (
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// All returns every finding about a verdict, the worst first, each with its message and fix, and those that annotations
// ignore. It remembers nothing.
func All(v *engine.Verdict, p *facts.Policy) (listed, ignored []engine.Finding) {
	return every(v, p, func(*rule) bool { return true })
}

// InTemplate returns the findings about a pod that is not on a node yet: those of the rules that need neither a node nor a
// reading. minor is the version of Kubernetes 1 that the pod is meant for, 0 for the newest known. now decides which wishes to
// ignore a finding have ended.
func InTemplate(pod *facts.PodState, p *facts.Policy, minor int, now time.Time) (listed, ignored []engine.Finding) {
	n := &facts.Node{Linux: true, Minor: minor, Pods: []facts.PodState{*pod}}
	return every(&engine.Verdict{Node: n, At: now}, p, func(r *rule) bool { return ofTemplates[r.name] })
}

// ofTemplates are the rules that a pod's template alone decides.
var ofTemplates = map[string]bool{
	"CriticalNotGuaranteed": true, "CriticalWithoutPriority": true, "BestEffortPod": true, "AlmostGuaranteed": true,
	"MissingMemoryLimit": true, "MillibyteQuantity": true, "MemoryBackedEmptyDir": true,
}

func every(v *engine.Verdict, p *facts.Policy, wanted func(*rule) bool) (listed, ignored []engine.Finding) {
	c := run(v, p, &History{}, wanted)
	for _, g := range c.groups {
		c.say(g, sharing{})
		listed = append(listed, c.finding(g, true))
	}
	return listed, c.unseen(true)
}
