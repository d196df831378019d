package audit

import "fmt"

// defaultThreshold is what allocatable leaves out where nothing is reserved: the kubelet's default hard threshold.
const defaultThreshold = 100 << 20

// nothingReserved reports whether it is known that nothing is set aside, and says so where it is inferred.
func nothingReserved(c *audit, exact func() int64) (nothing bool, how string) {
	n := c.v.Node
	if n.Config != nil {
		return exact() == 0, ""
	}
	known := n.Capacity > 0 && n.Allocatable > 0
	return known && n.Capacity-n.Hugepages-n.Allocatable == defaultThreshold,
		" (inferred: allocatable leaves out the default threshold only)"
}

// noKubeReserved: nothing is kept for kubelet and runtime, so pods may be given memory that these need.
func noKubeReserved(c *audit) []hit {
	nothing, how := nothingReserved(c, func() int64 { return c.v.Node.Config.KubeReserved })
	if !nothing {
		return nil
	}
	return c.one(hit{text: func() (string, string) {
		return "No memory is reserved for kubelet and container runtime" + how + ".",
			fmt.Sprintf("kubeReserved.memory %s in the kubelet's configuration.", amount(c.reservation()))
	}})
}

// noSystemReserved: nothing is kept for the operating system.
func noSystemReserved(c *audit) []hit {
	nothing, how := nothingReserved(c, func() int64 { return c.v.Node.Config.SystemReserved })
	if !nothing {
		return nil
	}
	return c.one(hit{text: func() (string, string) {
		return "No memory is reserved for the operating system" + how + ".",
			fmt.Sprintf("systemReserved.memory %s in the kubelet's configuration.", amount(c.reservation()))
	}})
}

// reservation to suggest: 2% of the node, at least 256Mi, in round numbers.
func (c *audit) reservation() int64 {
	const step = 64 * mi
	return max(c.v.Node.Capacity/50/step*step, 4*step)
}
