package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// limitsOvercommitted: if everybody used what the limits allow, the node could not give it.
func limitsOvercommitted(c *audit) []hit {
	limits, base := sumOfLimits(c.v.Node), c.v.Node.Allocatable
	if base <= 0 || limits < base/2*3 {
		return nil
	}
	h := hit{text: func() (string, string) {
		return fmt.Sprintf("Memory limits add up to %s, %d%% of allocatable.", amount(limits), int64(float64(limits)/float64(base)*100)),
			"Bring limits nearer to requests, those of pods that grow first."
	}}
	if limits > 3*base {
		h.severity = new(engine.Warning)
	}
	return []hit{h}
}

func sumOfLimits(n *facts.Node) (sum int64) {
	for i := range n.Pods {
		p := &n.Pods[i]
		if p.Limit > 0 {
			sum += p.Limit
			continue
		}
		for k := range p.Containers {
			if p.Containers[k].Kind != facts.Init {
				sum += p.Containers[k].Limit
			}
		}
	}
	return sum
}

// requestsNearAllocatable: what is requested is all there is, so any usage above a request is a neighbour's loss.
func requestsNearAllocatable(c *audit) []hit {
	requested, base := c.v.Memory.Requested, c.v.Node.Allocatable
	if base <= 0 || requested < base/20*19 {
		return nil
	}
	return c.one(hit{text: func() (string, string) {
		return fmt.Sprintf("Pods request %s of %s allocatable: usage above a request has nowhere to go.", amount(requested), amount(base)),
			"Spread the pods, or lower requests that are far above usage."
	}})
}

// swapSurprise: eviction does not see swap, and the kernel counts it.
func swapSurprise(c *audit) []hit {
	n := c.v.Node
	if n.Usage.SwapCapacity == 0 || (n.Config != nil && !n.Config.LimitedSwap) {
		return nil
	}
	return c.one(hit{text: func() (string, string) {
		return fmt.Sprintf("The node has %s of swap: the kubelet ranks without it, the kernel with it.", amount(n.Usage.SwapCapacity)),
			"Know that only Burstable pods swap (LimitedSwap), and watch their latency."
	}})
}
