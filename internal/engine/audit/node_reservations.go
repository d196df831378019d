package audit

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
)

// inferable reports whether the Node object says something about a kubelet's configuration that is not known, and what
// allocatable leaves out of the node's memory, in bytes.
func (c *audit) inferable() (leftOut int64, ok bool) {
	n := c.v.Node
	return n.Capacity - n.Hugepages - n.Allocatable, n.Config == nil && n.Capacity > 0 && n.Allocatable > 0
}

// reservations are what is reserved for the kubelet and for the system, in bytes, and whether that is known: read, or
// inferred where allocatable leaves out the default threshold only.
func (c *audit) reservations() (kube, system int64, known bool) {
	n := c.v.Node
	if n.Config != nil {
		return n.Config.KubeReserved, n.Config.SystemReserved, true
	}
	leftOut, ok := c.inferable()
	return 0, 0, ok && n.DefaultEvictionHard > 0 && leftOut == n.DefaultEvictionHard
}

// reservationMissing reports whether one of the two reservations is missed: the kubelet enforces their sum only, so the
// other one may cover both. Where a provider sets one of the two, that is how it should be, and where nobody can set any,
// nothing is missed.
func (c *audit) reservationMissing(one, other int64) bool {
	switch c.v.Node.Provider {
	case facts.NoReservations:
		return false
	case facts.OneReservation:
		return one == 0 && other == 0
	case facts.SelfManaged:
	}
	return one == 0 && other < c.reservation()
}

// reservationText says for whom nothing is reserved, and which field of the kubelet's configuration would change that.
func (c *audit) reservationText(whom, field string) text {
	inferred := ""
	if c.v.Node.Config == nil {
		inferred = " (inferred: allocatable leaves out the default threshold only)"
	}
	return text{
		message: "No memory is reserved for " + whom + inferred + ".",
		fix:     fmt.Sprintf("%s.memory %s in the kubelet's configuration.", field, facts.Amount(c.reservation())),
	}
}

// noKubeReserved: nothing is kept for kubelet and runtime, so pods may be given memory that these need.
func noKubeReserved(c *audit) {
	if kube, system, known := c.reservations(); known && c.reservationMissing(kube, system) {
		c.foundInNode()
	}
}

func noKubeReservedText(c *audit, _ *hit) text {
	return c.reservationText("kubelet and container runtime", "kubeReserved")
}

// noSystemReserved: nothing is kept for the operating system.
func noSystemReserved(c *audit) {
	if kube, system, known := c.reservations(); known && c.reservationMissing(system, kube) {
		c.foundInNode()
	}
}

func noSystemReservedText(c *audit, _ *hit) text {
	return c.reservationText("the operating system", "systemReserved")
}

// reservation to suggest: 2% of the node, at least 256Mi, in round numbers.
func (c *audit) reservation() int64 {
	const step = 64 * mi
	return max(c.v.Node.Capacity/50/step*step, 4*step)
}
