package answer

import (
	"fmt"
	"time"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// doubts collects what an answer rests on, and how sure that is.
type doubts struct{ kinds.Certainty }

func (d *doubts) add(level kinds.Level, format string, args ...any) {
	d.Because = append(d.Because, fmt.Sprintf(format, args...))
	if level == kinds.Unknown || d.Level == kinds.ByTheRule {
		d.Level = level
	}
}

// certainty says what an answer about the pod rests on.
func (n *Node) certainty(p *facts.PodState) kinds.Certainty {
	d := &doubts{kinds.Certainty{Level: kinds.ByTheRule}}
	n.usageDoubts(d, p)
	n.thresholdDoubts(d)
	return d.Certainty
}

func (n *Node) usageDoubts(d *doubts, p *facts.PodState) {
	v := n.Verdict
	switch {
	case n.Partial:
		d.add(kinds.Unknown, "only the pods of some namespaces could be read")
	case v.Freshness == engine.Unavailable:
		d.add(kinds.Unknown, "no usage is known: requests and priorities alone decide the ranks")
	case p.WorkingSet == facts.Unknown && p.AnyRunning():
		d.add(kinds.Unknown, "there is no reading of this pod's usage")
	case v.Node.Usage.Source == facts.SourceKubelet:
		d.add(kinds.ByTheRule, "usage is the kubelet's own%s", n.age())
	default:
		d.add(kinds.Estimated, "usage is of metrics.k8s.io%s: no RSS, so the kernel's order is estimated by working sets", n.age())
	}
	if v.Freshness == engine.Stale {
		d.add(kinds.Estimated, "the usage is stale")
	}
	if v.Missing > 0 && v.Freshness != engine.Unavailable && !n.Partial {
		d.add(kinds.Estimated, "%d running pods have no reading", v.Missing)
	}
}

// age says how old the readings are, as of when where they are the newest there are.
func (n *Node) age() string {
	at := n.Verdict.Node.Usage.ObservedAt
	if at.IsZero() {
		return ""
	}
	if old := n.Now.Sub(at).Round(time.Second); old > 0 {
		return fmt.Sprintf(", %s old", old)
	}
	return ", as of " + at.UTC().Format(time.RFC3339)
}

func (n *Node) thresholdDoubts(d *doubts) {
	m := &n.Verdict.Memory
	switch m.ThresholdSource {
	case engine.KubeletThreshold:
		d.add(kinds.ByTheRule, "the threshold of %s is the kubelet's", human(m.Threshold))
	case engine.InferredThreshold:
		d.add(kinds.Estimated, "the threshold of %s is inferred from the node's allocatable", human(m.Threshold))
	case engine.AssumedThreshold:
		d.add(kinds.Estimated, "the threshold of %s is assumed", human(m.Threshold))
	case engine.NoThreshold:
		d.add(kinds.ByTheRule, "the node has no eviction threshold: nobody is evicted")
	}
}
