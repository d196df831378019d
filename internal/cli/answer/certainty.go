package answer

import (
	"fmt"
	"time"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// certainty says what an answer about the pod rests on.
func (n *Node) certainty(p *facts.PodState) kinds.Certainty {
	c := kinds.Certainty{Level: kinds.ByTheRule}
	v := n.Verdict
	doubt := func(level kinds.Level, format string, args ...any) {
		c.Because = append(c.Because, fmt.Sprintf(format, args...))
		if level == kinds.Unknown || c.Level == kinds.ByTheRule {
			c.Level = level
		}
	}
	age := ""
	if at := v.Node.Usage.ObservedAt; !at.IsZero() {
		age = ", as of " + at.UTC().Format(time.RFC3339)
		if old := n.Now.Sub(at).Round(time.Second); old > 0 {
			age = fmt.Sprintf(", %s old", old)
		}
	}
	switch {
	case n.Partial:
		doubt(kinds.Unknown, "only the pods of some namespaces could be read")
	case v.Freshness == engine.Unavailable:
		doubt(kinds.Unknown, "no usage is known: requests and priorities alone decide the ranks")
	case p.WorkingSet == facts.Unknown && p.AnyRunning():
		doubt(kinds.Unknown, "there is no reading of this pod's usage")
	case v.Node.Usage.Source == facts.SourceKubelet:
		doubt(kinds.ByTheRule, "usage is the kubelet's own%s", age)
	default:
		doubt(kinds.Estimated, "usage is of metrics.k8s.io%s: no RSS, so the kernel's order is estimated by working sets", age)
	}
	if v.Freshness == engine.Stale {
		doubt(kinds.Estimated, "the usage is stale")
	}
	if v.Missing > 0 && v.Freshness != engine.Unavailable && !n.Partial {
		doubt(kinds.Estimated, "%d running pods have no reading", v.Missing)
	}
	switch v.Memory.ThresholdSource {
	case engine.KubeletThreshold:
		doubt(kinds.ByTheRule, "the threshold of %s is the kubelet's", human(v.Memory.Threshold))
	case engine.InferredThreshold:
		doubt(kinds.Estimated, "the threshold of %s is inferred from the node's allocatable", human(v.Memory.Threshold))
	case engine.AssumedThreshold:
		doubt(kinds.Estimated, "the threshold of %s is assumed", human(v.Memory.Threshold))
	case engine.NoThreshold:
		doubt(kinds.ByTheRule, "the node has no eviction threshold: nobody is evicted")
	}
	return c
}
