package engine

import (
	"time"

	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// Evaluate judges a node at a time. The orders are exact, given the readings.
func Evaluate(n *facts.Node, p *facts.Policy, now time.Time) Verdict {
	v := Verdict{Node: n, At: now, Freshness: freshness(n.Usage, p.MaxAge, now)}
	if v.Freshness == Unavailable {
		n = withoutUsage(n)
		v.Node = n
	}
	v.Memory = memoryOf(n, p.AssumedEvictionHard)
	v.Missing = missing(n)
	v.Eviction, v.Exempt = evict.Order(n)
	if n.Virtual {
		v.Eviction = nil // there is no kubelet that evicts
	}
	v.Rescale()
	if n.Linux {
		v.Limits = LimitOrder(n)
	}
	v.GrowthKnown = growthKnown(n)
	v.Culprit = culpritOf(&v)
	v.Rejudge(p)
	return v
}

func freshness(u facts.NodeUsage, maxAge time.Duration, now time.Time) Freshness {
	age := now.Sub(u.ObservedAt)
	switch {
	case u.Source == facts.SourceNone || u.ObservedAt.IsZero() || age > facts.UnavailableAfter:
		return Unavailable
	case age > maxAge:
		return Stale
	}
	return Fresh
}

// withoutUsage copies the node with every reading unknown.
func withoutUsage(n *facts.Node) *facts.Node {
	c := *n
	c.Accused = nil
	c.Usage.WorkingSet, c.Usage.Available, c.Usage.PodsWorkingSet = facts.Unknown, facts.Unknown, facts.Unknown
	c.Pods = make([]facts.PodState, len(n.Pods))
	for i := range n.Pods {
		c.Pods[i] = n.Pods[i]
		p := &c.Pods[i]
		p.WorkingSet, p.Growth, p.GrowthKnown, p.Peak, p.History, p.Usage = facts.Unknown, 0, false, 0, nil, nil
	}
	return &c
}

func missing(n *facts.Node) (count int) {
	for i := range n.Pods {
		if n.Pods[i].WorkingSet == facts.Unknown && n.Pods[i].AnyRunning() {
			count++
		}
	}
	return count
}

// Rescale gives the verdict the kernel's order on the scale of its Memory, which may be another than the readings'.
func (v *Verdict) Rescale() { v.OOM, v.NoOOM = kernelOrder(v.Node, v.Memory.OOMLimit) }

func kernelOrder(n *facts.Node, limit int64) ([]oom.Victim, string) {
	if !n.Linux {
		return nil, n.NotLinux
	}
	order, err := oom.Order(n, limit)
	if err != nil {
		return nil, err.Error()
	}
	return order, ""
}
