package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// limitsOvercommitted: if everybody used what the limits allow, the node could not give it.
func limitsOvercommitted(c *audit) {
	limits, base := sumOfLimits(c.v.Node), c.v.Node.Allocatable
	if base <= 0 || limits <= base+base/2 {
		return
	}
	h := hit{container: none, settings: [2]int64{limits}}
	if limits > 3*base {
		c.foundAs(engine.Warning, &h)
	} else {
		c.found(&h)
	}
}

func limitsOvercommittedText(c *audit, h *hit) text {
	limits, base := h.settings[0], c.v.Node.Allocatable
	return text{
		message: fmt.Sprintf("Memory limits add up to %s, %d%% of allocatable.", facts.Amount(limits),
			int64(float64(limits)/float64(base)*100)),
		fix: "Bring limits nearer to requests, those of pods that grow first.",
	}
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
func requestsNearAllocatable(c *audit) {
	requested, base := c.v.Memory.Requested, c.v.Node.Allocatable
	if base > 0 && requested > base-base/20 {
		c.foundInNode(requested)
	}
}

func requestsNearAllocatableText(c *audit, h *hit) text {
	return text{
		message: fmt.Sprintf("Pods request %s of %s allocatable: usage above a request has nowhere to go.",
			facts.Amount(h.settings[0]), facts.Amount(c.v.Node.Allocatable)),
		fix: "Spread the pods, or lower requests that are far above usage.",
	}
}

// swapSurprise: eviction does not see swap, and the kernel counts it.
func swapSurprise(c *audit) {
	n := c.v.Node
	if n.Usage.SwapCapacity > 0 && (n.Config == nil || n.Config.LimitedSwap) {
		c.foundInNode(n.Usage.SwapCapacity)
	}
}

func swapSurpriseText(c *audit, h *hit) text {
	fix := "With LimitedSwap, Burstable pods swap: memorySwap.swapBehavior NoSwap where latency matters more than memory."
	if c.v.Node.Config == nil {
		fix = "Look up memorySwap.swapBehavior in the kubelet's configuration: with NoSwap, the default, pods do not swap."
	}
	return text{
		message: fmt.Sprintf("The node has %s of swap: what a pod has swapped out does not count for eviction, but does for the kernel.",
			facts.Amount(h.settings[0])),
		fix: fix,
	}
}
