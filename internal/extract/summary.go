package extract

import (
	"time"

	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/killorder/killorder/internal/facts"
)

// SummaryNode returns a kubelet's reading of its node from its answer to /stats/summary.
func SummaryNode(n *stats.NodeStats) facts.NodeReading {
	r := facts.NodeReading{Source: facts.SourceKubelet, WorkingSet: facts.Unknown, PodsWorkingSet: facts.Unknown, Available: facts.Unknown}
	if m := n.Memory; m != nil {
		r.ObservedAt, r.WorkingSet, r.Available = m.Time.Time, amount(m.WorkingSetBytes), amount(m.AvailableBytes)
		r.RSS = max(amount(m.RSSBytes), 0)
	}
	for i := range n.SystemContainers {
		c := &n.SystemContainers[i]
		switch {
		case c.Memory == nil:
		case c.Name == stats.SystemContainerPods:
			r.PodsWorkingSet = amount(c.Memory.WorkingSetBytes)
		case c.Name == stats.SystemContainerWindowsGlobalCommitMemory && c.Memory.AvailableBytes != nil:
			// there, this is memory.available, and what is in use belongs to its capacity (kubelet/eviction/helpers_windows.go,
			// v1.37.2)
			r.Available = amount(c.Memory.AvailableBytes)
			if c.Memory.UsageBytes != nil {
				r.CommitLimit = min(max(r.Available, 0)+max(amount(c.Memory.UsageBytes), 0), facts.MaxBytes)
			}
		}
	}
	if s := n.Swap; s != nil {
		r.SwapCapacity = min(max(amount(s.SwapAvailableBytes), 0)+max(amount(s.SwapUsageBytes), 0), facts.MaxBytes)
	}
	return r
}

// SummaryPod returns a kubelet's reading of a pod from its answer to /stats/summary. The pod's own working set
// is what eviction ranks by; the containers' sum stands in where the kubelet has none.
func SummaryPod(p *stats.PodStats) facts.PodReading {
	r := facts.PodReading{
		Source: facts.SourceKubelet, WorkingSet: facts.Unknown, Containers: make([]facts.ContainerReading, 0, len(p.Containers)),
	}
	var sum int64
	var oldest time.Time
	for i := range p.Containers {
		c := &p.Containers[i]
		reading := facts.ContainerReading{Name: intern(c.Name), ContainerUsage: containerStats(c)}
		r.Containers = append(r.Containers, reading)
		if reading.WorkingSet == facts.Unknown {
			continue
		}
		sum = min(sum+reading.WorkingSet, facts.MaxBytes)
		if t := c.Memory.Time.Time; oldest.IsZero() || t.Before(oldest) {
			oldest = t
		}
		r.WorkingSet, r.ObservedAt = sum, oldest
	}
	if m := p.Memory; m != nil && m.WorkingSetBytes != nil {
		r.WorkingSet, r.ObservedAt = amount(m.WorkingSetBytes), m.Time.Time
	}
	return r
}

func containerStats(c *stats.ContainerStats) facts.ContainerUsage {
	u := facts.NoContainerUsage
	if m := c.Memory; m != nil {
		u.WorkingSet, u.RSS = amount(m.WorkingSetBytes), amount(m.RSSBytes)
	}
	if s := c.Swap; s != nil {
		u.Swap = amount(s.SwapUsageBytes)
	}
	return u
}

// amount in bytes, at most facts.MaxBytes; Unknown if absent.
func amount(bytes *uint64) int64 {
	if bytes == nil {
		return facts.Unknown
	}
	return int64(min(*bytes, uint64(facts.MaxBytes)))
}
