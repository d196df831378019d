package answer

import (
	"fmt"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/evict"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/status"
)

// Sources of evidence.
const (
	fromUsage   = "usage"
	fromSpec    = "Pod spec"
	kubeletRule = "kubelet rule"
	kernelRule  = "kernel rule"
)

func evidence(source, format string, args ...any) kinds.Evidence {
	return kinds.Evidence{Source: source, Text: fmt.Sprintf(format, args...)}
}

// evictionSum is the kubelet's comparison, key by key.
func (n *Node) evictionSum(p *facts.PodState, r whatif.Ranks) kinds.Eviction {
	v := n.Verdict
	victim := evict.Of(v.Node, p)
	e := kinds.Eviction{
		Rank: r.Eviction, Of: len(v.Eviction), Exempt: p.Exempt, Reason: status.EvictionReasons[victim.Reason],
		Request: kinds.Exact(victim.Request), Priority: p.Priority,
	}
	if v.Memory.HeadroomKnown {
		e.Headroom = kinds.Amount(v.Memory.Headroom)
	}
	if p.WorkingSet != facts.Unknown {
		e.Usage = kinds.Amount(p.WorkingSet)
	}
	if p.Exempt {
		e.Reason = ""
		e.Evidence = []kinds.Evidence{evidence(kubeletRule, "never evicted: %s", exemption(p))}
		return e
	}
	e.Evidence = []kinds.Evidence{
		overOrWithin(&victim),
		evidence(fromSpec, "priority %d: among the pods over their request, and among the others, lower goes first", p.Priority),
	}
	if victim.Reason == evict.NoKubeletStats || n.Partial {
		return e
	}
	e.Evidence = append(e.Evidence, evidence(kubeletRule, "%s%s", overText(&victim), n.nextEvicted(r.Eviction)))
	e.Tied = r.Eviction > 0 && v.Eviction[r.Eviction-1].Tied
	return e
}

func exemption(p *facts.PodState) string {
	if p.Priority >= facts.SystemCriticalPriority {
		return fmt.Sprintf("its priority is %d, from %d on pods are exempt", p.Priority, facts.SystemCriticalPriority)
	}
	return "a static or mirror pod"
}

func overOrWithin(v *evict.Victim) kinds.Evidence {
	switch v.Reason {
	case evict.NoKubeletStats:
		return evidence(kubeletRule, "no container runs, so the kubelet has no stats of it: before all others")
	case evict.UsageUnknown:
		if v.Exceeds {
			return evidence(fromUsage, "usage unknown > request 0: over, as whatever runs")
		}
		return evidence(fromUsage, "usage unknown, request %s: taken to be within", human(v.Request))
	case evict.ExceedsRequest:
		return evidence(fromUsage, "usage %s > request %s: over, so before all pods that are within", human(v.Usage), human(v.Request))
	}
	return evidence(fromUsage, "usage %s <= request %s: within, so after all pods that are over", human(v.Usage), human(v.Request))
}

func overText(v *evict.Victim) string {
	switch over := v.Over(); {
	case v.Reason == evict.UsageUnknown:
		return "over by an unknown amount, counted as 0 used"
	case over >= 0:
		return "over by " + human(over)
	default:
		return human(-over) + " below its request"
	}
}

// nextEvicted says who comes next, and which of the kubelet's keys decides.
func (n *Node) nextEvicted(rank int) string {
	order := n.Verdict.Eviction
	if rank == 0 {
		return ""
	}
	if rank == len(order) {
		return ": the last to go"
	}
	a, b := &order[rank-1], &order[rank]
	name := "; next: " + fullName(b.Pod)
	switch {
	case evict.Compare(a, b) == 0:
		return name + ", tied: the kubelet has no preference"
	case a.Exceeds != b.Exceeds:
		return name + ", which is within its request"
	case a.Priority != b.Priority:
		return fmt.Sprintf("%s, whose priority is %d", name, b.Priority)
	}
	if b.Over() < 0 {
		return fmt.Sprintf("%s, %s below", name, human(-b.Over()))
	}
	return fmt.Sprintf("%s, %s less over", name, human(a.Over()-b.Over()))
}

// oomSum is the kernel's sum for the pod's likeliest container; nil where the kernel's rules do not apply, or no container
// runs.
func (n *Node) oomSum(p *facts.PodState, r whatif.Ranks) *kinds.OOM {
	v := n.Verdict
	k := whatif.Likeliest(v, p, func(*facts.Container) bool { return true })
	if k == nil || v.NoOOM != "" {
		return nil
	}
	o := &kinds.OOM{
		Container: k.ContainerName(), Rank: r.OOM, Of: len(v.OOM), OOMScoreAdj: k.Adj,
		Badness: kinds.Amount(k.Badness),
	}
	if k.UsageKnown {
		o.Usage = kinds.Amount(k.Usage)
	}
	if v.Memory.OOMHeadroomKnown {
		o.Headroom = kinds.Amount(v.Memory.OOMHeadroom)
	}
	o.Evidence = []kinds.Evidence{
		evidence(kubeletRule, "oom_score_adj %d: %s", k.Adj, adjText(p, k, v.Node.Capacity)),
		evidence(kernelRule, "%s %s of %s = %s%s",
			used(k), thousandths(k.Adj), human(v.Memory.OOMLimit), human(k.Badness), n.nextKilled(r.OOM)),
	}
	return o
}

func thousandths(adj int32) string {
	if adj < 0 {
		return fmt.Sprintf("- %d/1000", -adj)
	}
	return fmt.Sprintf("+ %d/1000", adj)
}

// used is what the kernel counts of the container.
func used(k *oom.Victim) string {
	if !k.UsageKnown {
		return "unknown usage"
	}
	if k.Swap > 0 {
		return human(k.Usage) + " + " + human(k.Swap) + " swapped out"
	}
	return human(k.Usage)
}

// adjText says where a container's oom_score_adj comes from.
func adjText(p *facts.PodState, k *oom.Victim, capacity int64) string {
	c := &p.Containers[k.Container]
	switch {
	case p.NodeCritical:
		return "system-node-critical"
	case c.AtStart != nil:
		return "as its requests were when it started; it changes at a restart only"
	case p.QOS != facts.Burstable:
		return p.QOS.String()
	}
	request := c.Request + p.AdjShare
	if capacity > 0 && int64(k.Adj) == 1000-1000*request/capacity {
		return fmt.Sprintf("Burstable, 1000 - 1000 x %s / %s", human(request), human(capacity))
	}
	return "Burstable, bounded to 3..999, or lowered as a sidecar's"
}

// nextKilled says which container comes next.
func (n *Node) nextKilled(rank int) string {
	order := n.Verdict.OOM
	if rank == 0 || rank > len(order) {
		return ""
	}
	first := &order[rank-1]
	for i := rank; i < len(order); i++ {
		if k := &order[i]; !facts.SamePod(k.Pod, first.Pod) {
			return fmt.Sprintf("; next: %s, %s less", fullName(k.Pod), human(first.Badness-k.Badness))
		}
	}
	return ": the last to go"
}

// nearLimit is the pod's entry in the limit order that is nearest to its limit, if it is near one.
func (n *Node) nearLimit(p *facts.PodState) *engine.AtLimit {
	if l := n.atLimit(p); l != nil && l.Percent() >= n.Policy.NearLimitPercent {
		return l
	}
	return nil
}

func (n *Node) atLimit(p *facts.PodState) *engine.AtLimit {
	for i := range n.Verdict.Limits {
		if l := &n.Verdict.Limits[i]; facts.SamePod(l.Pod, p.Pod) {
			return l
		}
	}
	return nil
}

func (n *Node) limitSum(p *facts.PodState) *kinds.Limit {
	l := n.atLimit(p)
	if l == nil {
		return nil
	}
	of := "the pod's own limit"
	if l.Container != engine.PodLevel {
		of = "container " + l.ContainerName()
	}
	return &kinds.Limit{
		Container: l.ContainerName(), Usage: kinds.Amount(l.Usage), Limit: kinds.Exact(l.Limit), Percent: l.Percent(),
		Evidence: []kinds.Evidence{evidence(fromUsage, "%s: %s of %s, %s to go", of, human(l.Usage), human(l.Limit), left(l.Headroom()))},
	}
}
