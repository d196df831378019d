package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// noMemoryEvictionThreshold: the kubelet never evicts for memory, and the kernel is the only killer left; with a soft
// threshold alone, it is while the grace period lasts. What the policy assumes where nothing is known is no finding. On
// nodes that are not Linux nothing is inferred from all being allocatable: virtual kubelets have no threshold to set.
func noMemoryEvictionThreshold(c *audit) {
	leftOut, inferable := c.inferable()
	known := c.v.Node.Config != nil || c.v.Node.DroppedBy != "" || (inferable && c.v.Node.Linux && leftOut == 0)
	if none := c.v.Memory.ThresholdSource == engine.NoThreshold; known && (none || c.v.Memory.SoftOnly()) {
		c.foundInNode()
	}
}

func noMemoryEvictionThresholdText(c *audit, _ *hit) text {
	how := " (inferred: all capacity is allocatable)"
	switch {
	case c.v.Node.Config != nil:
		how = ""
	case c.v.Node.DroppedBy != "":
		how = fmt.Sprintf(" (%s sets evictionHard without memory)", c.v.Node.DroppedBy)
	}
	then := ": only the kernel acts, at the very end."
	if !c.v.Node.Linux {
		then = ": nobody is evicted, and allocations fail."
	}
	if c.v.Memory.SoftOnly() {
		then = fmt.Sprintf(", only a soft one of %s: until its grace period of %s is over, only the kernel acts.",
			facts.Amount(c.v.Memory.SoftThreshold), c.v.Node.Config.SoftGrace)
	}
	return text{
		message: "There is no hard eviction threshold for memory" + how + then,
		fix:     fmt.Sprintf("evictionHard memory.available %s in the kubelet's configuration.", facts.Amount(c.threshold())),
	}
}

// evictionDefaultsDropped: setting any hard threshold drops the defaults of those not named, memory's too.
func evictionDefaultsDropped(c *audit) {
	if k := c.v.Node.Config; k != nil && k.DefaultsDropped {
		c.foundInNode()
	}
}

func evictionDefaultsDroppedText(c *audit, _ *hit) text {
	return text{
		message: "evictionHard is set without memory.available: that drops the default of 100Mi.",
		fix: fmt.Sprintf("Add memory.available: %s to evictionHard, or set mergeDefaultEvictionSettings: true.",
			facts.Amount(c.threshold())),
	}
}

// tinyEvictionThreshold: with so little left, the kernel is likely to act before the kubelet's next look. A threshold
// that is only assumed is not judged.
func tinyEvictionThreshold(c *audit) {
	m := &c.v.Memory
	known := m.ThresholdSource == engine.KubeletThreshold || m.ThresholdSource == engine.InferredThreshold
	if known && !m.SoftOnly() && m.Threshold < c.v.Node.Capacity/200 {
		c.foundInNode(int64(m.ThresholdSource))
	}
}

func tinyEvictionThresholdText(c *audit, _ *hit) text {
	how := ""
	if c.v.Memory.ThresholdSource == engine.InferredThreshold {
		how = " (inferred)"
	}
	return text{
		message: fmt.Sprintf("The eviction threshold of %s%s is under 0.5%% of %s: the kernel may act before the kubelet looks.",
			facts.Amount(c.v.Memory.Threshold), how, facts.Amount(c.v.Node.Capacity)),
		fix: fmt.Sprintf("evictionHard memory.available %s.", facts.Amount(c.threshold())),
	}
}

// noSoftEviction: pods are evicted with a second's grace only, never in good order.
func noSoftEviction(c *audit) {
	if k := c.v.Node.Config; k != nil && !k.EvictionSoft.Set && c.v.Memory.ThresholdSource != engine.NoThreshold {
		c.foundInNode()
	}
}

func noSoftEvictionText(c *audit, _ *hit) text {
	soft := max(2*c.threshold(), round(c.v.Memory.Threshold+c.threshold())) // above the hard one, whatever that is
	return text{
		message: "There is no soft eviction threshold: every eviction is a hard one, with one second of grace.",
		fix:     fmt.Sprintf("evictionSoft memory.available %s with evictionSoftGracePeriod 1m30s.", facts.Amount(soft)),
	}
}

// softThresholdUseless: the kubelet heeds whichever threshold is crossed first, and a soft one at or below the hard one
// is always second.
func softThresholdUseless(c *audit) {
	if m := &c.v.Memory; m.SoftThreshold > 0 && m.Threshold > 0 && m.SoftThreshold <= m.Threshold {
		c.foundInNode(m.SoftThreshold, m.Threshold)
	}
}

func softThresholdUselessText(c *audit, h *hit) text {
	soft, hard := h.settings[0], h.settings[1]
	return text{
		message: fmt.Sprintf("The soft eviction threshold of %s is not above the hard one of %s, so every eviction is a hard one.",
			facts.Amount(soft), facts.Amount(hard)),
		fix: fmt.Sprintf("evictionSoft memory.available %s, above evictionHard.", facts.Amount(round(hard+c.threshold()))),
	}
}

// hugePagesHideThreshold: kubelets before 1.37 count huge pages as available, so with more of them than the threshold asks
// for, the kernel runs out before any threshold is crossed.
func hugePagesHideThreshold(c *audit) {
	n, m := c.v.Node, &c.v.Memory
	if !n.Linux || n.Follows(facts.HugepageAwareEviction) || c.nobodyEvicted() || n.Hugepages <= max(m.Threshold, m.SoftThreshold) {
		return
	}
	c.foundInNode(n.Hugepages, max(m.Threshold, m.SoftThreshold))
}

func hugePagesHideThresholdText(c *audit, h *hit) text {
	return text{
		message: fmt.Sprintf("Kubelets before 1.37 count the %s of huge pages as available: "+
			"the kernel acts before the threshold of %s is near.",
			facts.Amount(h.settings[0]), facts.Amount(h.settings[1])),
		fix: fmt.Sprintf("evictionHard memory.available %s (huge pages and 1%%), or kubelet 1.37.",
			facts.Amount(h.settings[0]+c.threshold())),
	}
}

// threshold to suggest: 1% of the node, at least 100Mi, in round numbers.
func (c *audit) threshold() int64 {
	const step = 50 * mi
	return max(c.v.Node.Capacity/100/step*step, 2*step)
}
