package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// defaultThreshold is what allocatable leaves out where nothing is reserved: the kubelet's default hard threshold.
const defaultThreshold = 100 * mi

// inferable reports whether the Node object says something about a kubelet's configuration that is not known, and what
// allocatable leaves out of the node's memory, in bytes.
func (c *audit) inferable() (leftOut int64, ok bool) {
	n := c.v.Node
	return n.Capacity - n.Hugepages - n.Allocatable, n.Config == nil && n.Capacity > 0 && n.Allocatable > 0
}

// nothingReserved reports whether nothing is set aside where allocatable leaves out the default threshold only.
func (c *audit) nothingReserved() bool {
	leftOut, ok := c.inferable()
	return ok && leftOut == defaultThreshold
}

// inferredReservation says where a reservation is not read, but inferred.
func (c *audit) inferredReservation() string {
	if c.v.Node.Config != nil {
		return ""
	}
	return " (inferred: allocatable leaves out the default threshold only)"
}

// noKubeReserved: nothing is kept for kubelet and runtime, so pods may be given memory that these need.
func noKubeReserved(c *audit) {
	if k := c.v.Node.Config; (k != nil && k.KubeReserved == 0) || c.nothingReserved() {
		c.foundInNode()
	}
}

func noKubeReservedText(c *audit, _ *hit) text {
	return text{
		message: "No memory is reserved for kubelet and container runtime" + c.inferredReservation() + ".",
		fix:     fmt.Sprintf("kubeReserved.memory %s in the kubelet's configuration.", facts.Amount(c.reservation())),
	}
}

// noSystemReserved: nothing is kept for the operating system.
func noSystemReserved(c *audit) {
	if k := c.v.Node.Config; (k != nil && k.SystemReserved == 0) || c.nothingReserved() {
		c.foundInNode()
	}
}

func noSystemReservedText(c *audit, _ *hit) text {
	return text{
		message: "No memory is reserved for the operating system" + c.inferredReservation() + ".",
		fix:     fmt.Sprintf("systemReserved.memory %s in the kubelet's configuration.", facts.Amount(c.reservation())),
	}
}

// reservation to suggest: 2% of the node, at least 256Mi, in round numbers.
func (c *audit) reservation() int64 {
	const step = 64 * mi
	return max(c.v.Node.Capacity/50/step*step, 4*step)
}
