package status

import (
	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// settleMemory returns the verdict's memory as close to the published one as the readings allow. The amounts left stay as
// published while they are within their Band. The eviction signal and the OOM scope stay as published unless the other
// one is nearer by more than the Band of what is left.
func settleMemory(v *engine.Verdict, prev *v1alpha1.MemoryStatus) engine.Memory {
	left := v.Memory.Left(v.Node)
	if prev.Available != nil && left.Available != facts.Unknown {
		left.Available = keep(prev.Available.Value(), left.Available)
	}
	if before, ok := podsLeft(v, prev); ok {
		left.Pods = keep(before, left.Pods)
	}
	if limitKnownAsBefore(v.Node, prev) { // else the published memory says nothing about kubepods
		left.EvictionBias = bias(prev.EvictionSignal == v1alpha1.SignalAllocatableMemoryAvailable, left.Pods)
		left.OOMBias = bias(prev.OOMScope == v1alpha1.OOMScopePods, left.Pods)
	}
	return v.Memory.With(v.Node, left)
}

// limitKnownAsBefore reports whether the published memory rests on the same knowledge of the limit of kubepods as the
// present verdict. The limit is read from the kubelet's configuration, or inferred without one; when the operator has just
// learned the configuration, the published memory was judged by an inferred limit, which is no reason to keep a signal.
// Where the published threshold is None, nothing is reserved, so the limit of kubepods is the node's capacity either way.
func limitKnownAsBefore(n *facts.Node, prev *v1alpha1.MemoryStatus) bool {
	return n.Config == nil || prev.ThresholdSource == v1alpha1.ThresholdKubelet || prev.ThresholdSource == v1alpha1.ThresholdNone
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
