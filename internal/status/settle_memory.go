package status

import (
	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// settleMemory returns the verdict's memory as close to the published one as the readings allow. The amounts left stay as
// published while they are within their Band. The eviction signal and the OOM scope stay as published unless the other
// one is nearer by more than the Band of what is left.
func settleMemory(v *engine.Verdict, prev *v1alpha1.NodeKillOrderStatus) engine.Memory {
	left, before := v.Memory.Left(v.Node), prev.Memory
	if before.Available != nil && left.Available != facts.Unknown {
		left.Available = keep(before.Available.Value(), left.Available)
	}
	if pods, ok := podsLeft(v, before); ok {
		left.Pods = keep(pods, left.Pods)
	}
	if podsKnownAsBefore(v.Node, prev) { // else the published memory says nothing about kubepods
		left.EvictionBias = bias(before.EvictionSignal == v1alpha1.SignalAllocatableMemoryAvailable, left.Pods)
		left.OOMBias = bias(before.OOMScope == v1alpha1.OOMScopePods, left.Pods)
	}
	return v.Memory.With(v.Node, left)
}

// podsKnownAsBefore reports whether the published memory rests on the same knowledge of kubepods as the present verdict.
//
// The limit of kubepods is read from the kubelet's configuration, or inferred without one; when the operator has just learned the
// configuration, the published memory was judged by an inferred limit, which is no reason to keep a signal. Where the published
// threshold is None, nothing is reserved, so the limit of kubepods is the node's capacity either way.
//
// With a configuration, what kubepods uses is read from the kubelet alone. When metrics.k8s.io stood in for the kubelet, the published
// memory was judged without kubepods, which is no reason to keep a signal either.
func podsKnownAsBefore(n *facts.Node, prev *v1alpha1.NodeKillOrderStatus) bool {
	if n.Config == nil {
		return true
	}
	limit := prev.Memory.ThresholdSource == v1alpha1.ThresholdKubelet || prev.Memory.ThresholdSource == v1alpha1.ThresholdNone
	return limit && prev.Usage != nil && prev.Usage.Source == v1alpha1.UsageSourceKubelet
}

// podsLeft returns what was published as left of kubepods, in bytes, if that was published.
func podsLeft(v *engine.Verdict, prev *v1alpha1.MemoryStatus) (bytes int64, published bool) {
	switch {
	case prev.OOMScope == v1alpha1.OOMScopePods && prev.OOMHeadroom != nil:
		return prev.OOMHeadroom.Value(), true
	case prev.EvictionSignal == v1alpha1.SignalAllocatableMemoryAvailable && prev.Headroom != nil:
		_, pods := v.Memory.Signals(v.Node)
		return prev.Headroom.Value() + pods.Threshold, true
	}
	return 0, false
}

// bias returns the advantage, in bytes, of the published signal or scope over the other one: positive for kubepods.
func bias(pods bool, left int64) int64 {
	if pods {
		return facts.Band(left)
	}
	return -facts.Band(left)
}
