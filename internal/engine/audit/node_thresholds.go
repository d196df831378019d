package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine"
)

// noMemoryEvictionThreshold: the kubelet never evicts for memory, and the kernel is the only killer left.
func noMemoryEvictionThreshold(c *audit) []hit {
	if c.v.Memory.ThresholdSource != engine.NoThreshold {
		return nil
	}
	return c.one(hit{text: func() (string, string) {
		how := " (inferred: all capacity is allocatable)"
		if c.v.Node.Config != nil {
			how = ""
		}
		return "There is no hard eviction threshold for memory" + how + ": only the kernel acts, at the very end.",
			fmt.Sprintf("evictionHard memory.available %s in the kubelet's configuration.", amount(c.threshold()))
	}})
}

// evictionDefaultsDropped: setting any hard threshold drops the defaults of those not named, memory's too.
func evictionDefaultsDropped(c *audit) []hit {
	if c.v.Node.Config == nil || !c.v.Node.Config.DefaultsDropped {
		return nil
	}
	return c.one(hit{text: func() (string, string) {
		return "evictionHard is set without memory.available: that drops the default of 100Mi.",
			fmt.Sprintf("Add memory.available: %s to evictionHard, or set mergeDefaultEvictionSettings: true.", amount(c.threshold()))
	}})
}

// tinyEvictionThreshold: with so little left, the kernel is likely to act before the kubelet's next look.
func tinyEvictionThreshold(c *audit) []hit {
	m := &c.v.Memory
	if m.ThresholdSource == engine.NoThreshold || m.Threshold*200 >= c.v.Node.Capacity {
		return nil
	}
	return c.one(hit{text: func() (string, string) {
		return fmt.Sprintf("The eviction threshold of %s is under 0.5%% of %s: the kernel may act before the kubelet looks.",
				amount(m.Threshold), amount(c.v.Node.Capacity)),
			fmt.Sprintf("evictionHard memory.available %s.", amount(c.threshold()))
	}})
}

// noSoftEviction: pods are evicted with a second's grace only, never in good order.
func noSoftEviction(c *audit) []hit {
	if c.v.Node.Config == nil || c.v.Node.Config.EvictionSoft.Set || c.v.Memory.ThresholdSource == engine.NoThreshold {
		return nil
	}
	return c.one(hit{text: func() (string, string) {
		return "There is no soft eviction threshold: every eviction is a hard one, with one second of grace.",
			fmt.Sprintf("evictionSoft memory.available %s with evictionSoftGracePeriod 1m30s.", amount(2*c.threshold()))
	}})
}

// threshold to suggest: 1% of the node, at least 100Mi, in round numbers.
func (c *audit) threshold() int64 {
	const step = 50 * mi
	return max(c.v.Node.Capacity/100/step*step, 2*step)
}
