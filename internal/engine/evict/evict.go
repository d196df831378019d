// Package evict is the kubelet's node-pressure eviction order for memory. It mirrors rankMemoryPressure in
// pkg/kubelet/eviction/helpers.go and IsCriticalPod in pkg/kubelet/types/pod_update.go of Kubernetes v1.37.2.
package evict

import (
	"cmp"
	"slices"

	"github.com/killorder/killorder/internal/facts"
)

// Reason says why a pod stands where it does.
type Reason uint8

// The reasons.
const (
	WithinRequest Reason = iota
	ExceedsRequest
	// NoKubeletStats: no running container, so the kubelet has no stats for the pod.
	NoKubeletStats
	// UsageUnknown: the pod runs, but we have no reading for it.
	UsageUnknown
)

// Victim is one pod that the kubelet could evict.
type Victim struct {
	*facts.PodState
	// Usage is the working set that the rank follows: 0 where it is unknown. Request is what the node's kubelet holds it
	// against (facts.Node.EvictionRequest). In bytes.
	Usage, Request int64
	Reason         Reason
	// Exceeds: the pod uses more than it requests.
	Exceeds bool
	// Tied with a neighbour: nothing but the name orders them.
	Tied bool
}

// Over is how far usage is over the request, in bytes; negative while within it.
func (v *Victim) Over() int64 { return v.Usage - v.Request }

// Order returns whom the kubelet would evict, first to last, and how many pods are exempt.
// The order is total: where the kubelet has none, namespace and name decide and Tied is set.
func Order(n *facts.Node) (order []Victim, exempt int) {
	order = make([]Victim, 0, len(n.Pods))
	for i := range n.Pods {
		p := &n.Pods[i]
		if p.Exempt {
			exempt++
			continue
		}
		order = append(order, Of(n, p))
	}
	Sort(order)
	for i := 1; i < len(order); i++ {
		if Compare(&order[i-1], &order[i]) == 0 {
			order[i-1].Tied, order[i].Tied = true, true
		}
	}
	return order, exempt
}

// Sort sorts as the kubelet does, and by namespace and name where it has no preference.
func Sort(order []Victim) {
	slices.SortFunc(order, func(a, b Victim) int { return CompareTotal(&a, &b) })
}

// CompareTotal orders as Sort does: by Compare, and by name where the kubelet has no preference.
func CompareTotal(a, b *Victim) int {
	if c := Compare(a, b); c != 0 {
		return c
	}
	return facts.CompareNames(a.Pod, b.Pod)
}

// Of is the pod as a victim of the node's kubelet.
func Of(n *facts.Node, p *facts.PodState) Victim {
	v := Victim{PodState: p, Usage: max(p.WorkingSet, 0), Request: n.EvictionRequest(p.Pod)}
	switch {
	case !p.HasKubeletStats(n.SandboxStats):
		v.Reason, v.Usage = NoKubeletStats, 0
	case p.WorkingSet == facts.Unknown:
		// Whatever runs uses more than 0 bytes, so a request of 0 is exceeded even unread.
		v.Reason, v.Exceeds = UsageUnknown, v.Request == 0
	case p.WorkingSet > v.Request:
		v.Reason, v.Exceeds = ExceedsRequest, true
	}
	return v
}

// Compare orders two pods as the kubelet does: pods without stats first; then pods whose usage exceeds their
// request; then lower priority first; then larger usage over request first. 0 means that the kubelet has no
// preference.
func Compare(a, b *Victim) int { return cmp.Or(CompareClass(a, b), largerOverRequest(a, b)) }

// CompareClass orders two pods by all but their usage over request, which is the only noisy key.
func CompareClass(a, b *Victim) int {
	return cmp.Or(withoutStats(a, b), exceeding(a, b), lowerPriority(a, b))
}

// Clearly reports whether a goes before b by more than noise: by another key than usage over request, or by more than the
// band of the usage, which is facts.Band or a wider one.
func Clearly(a, b *Victim, band func(int64) int64) bool {
	if c := CompareClass(a, b); c != 0 {
		return c < 0
	}
	return a.Reason != NoKubeletStats && a.Over()-b.Over() > band(max(a.Usage, b.Usage))
}

func withoutStats(a, b *Victim) int {
	return facts.TrueFirst(a.Reason == NoKubeletStats, b.Reason == NoKubeletStats)
}

func exceeding(a, b *Victim) int { return facts.TrueFirst(a.Exceeds, b.Exceeds) }

func lowerPriority(a, b *Victim) int { return cmp.Compare(a.Priority, b.Priority) }

func largerOverRequest(a, b *Victim) int {
	if a.Reason == NoKubeletStats && b.Reason == NoKubeletStats {
		return 0 // the kubelet compares usage only where it has stats
	}
	return cmp.Compare(b.Over(), a.Over())
}
