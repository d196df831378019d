package cli

import (
	"math"
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
)

// takeGrowth gives a node's pods the growth that the operator has seen: one reading knows none. It reports whether there
// was any order to take growth from.
func takeGrowth(n *facts.Node, o *v1alpha1.NodeKillOrder) bool {
	if o == nil || o.Status.Usage == nil || o.Status.Usage.Source == v1alpha1.UsageSourceNone {
		return false
	}
	c := o.Status.CulpritRef
	for i := range n.Pods {
		p := &n.Pods[i]
		p.GrowthKnown = p.WorkingSet != facts.Unknown
		p.GrowthKnown = p.GrowthKnown || p.WorkingSet != facts.Unknown
		if c != nil && c.Reason == v1alpha1.CulpritGrowth && string(c.UID) == p.UID {
			p.Growth = max(p.Growth, c.Amount.Value())
		}
	}
	return true
}

// history is the usage of pods that earlier readings of this command found, by UID. A nil history knows nothing.
type history map[string][]facts.Sample

// window is how long usage is remembered, as by the operator.
const window = 10 * time.Minute

// grow gives a node's pods the growth since the first reading kept, and remembers this one. It reports whether there was an
// earlier one.
func (h history) grow(n *facts.Node, now time.Time) (known bool) {
	if h == nil {
		return false
	}
	for i := range n.Pods {
		p := &n.Pods[i]
		if p.WorkingSet == facts.Unknown {
			continue
		}
		samples := append(h[p.UID], facts.Sample{At: now.Unix(), WorkingSet: p.WorkingSet})
		for samples[0].At < now.Add(-window).Unix() {
			samples = samples[1:]
		}
		h[p.UID] = samples
		if len(samples) > 1 {
			p.Growth, p.GrowthKnown, known = p.WorkingSet-samples[0].WorkingSet, true, true
		}
	}
	return known
}

// since is the time of the earliest reading kept.
func (h history) since() string {
	first := int64(math.MaxInt64)
	for _, samples := range h {
		first = min(first, samples[0].At)
	}
	return time.Unix(first, 0).UTC().Format(time.TimeOnly)
}
