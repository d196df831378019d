package status

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/quantity"
)

func memoryStatus(v *engine.Verdict, prev *v1alpha1.MemoryStatus) *v1alpha1.MemoryStatus {
	m := &v.Memory
	s := &v1alpha1.MemoryStatus{
		Capacity:        quantity.Exact(v.Node.Capacity),
		Requested:       new(quantity.Exact(m.Requested)),
		ThresholdSource: thresholdSources[m.ThresholdSource],
	}
	if v.Node.Allocatable > 0 {
		s.Allocatable = new(quantity.Exact(v.Node.Allocatable))
	}
	if m.Available != facts.Unknown {
		s.Available = new(quantity.Figure(m.Available))
	}
	if m.ThresholdSource != engine.NoThreshold {
		if m.Threshold > 0 {
			s.EvictionThreshold = new(quantity.Exact(m.Threshold))
		}
		s.EvictionSignal = v1alpha1.SignalMemoryAvailable
		if m.EvictionOfPods {
			s.EvictionSignal = v1alpha1.SignalAllocatableMemoryAvailable
		}
	}
	if m.MinReclaim > 0 {
		s.EvictionMinimumReclaim = new(quantity.Exact(m.MinReclaim))
	}
	if m.SoftThreshold > 0 {
		s.SoftEvictionThreshold = new(quantity.Exact(m.SoftThreshold))
		s.SoftEvictionGracePeriodSeconds = new(int64(v.Node.Config.SoftGrace.Seconds()))
	}
	if prev == nil {
		prev = &v1alpha1.MemoryStatus{}
	}
	if m.HeadroomKnown {
		s.Headroom = new(quantity.Figure(m.Headroom))
	}
	if m.EvictionSoft && m.HardHeadroomKnown {
		s.HardHeadroom = new(quantity.Figure(m.HardHeadroom))
	}
	if m.SoftCrossed() {
		s.SoftCrossedAt = new(softCrossedAt(v.Node, prev.SoftCrossedAt))
	}
	if m.NonPod != facts.Unknown {
		s.NonPod = new(nonPod(prev.NonPod, m))
	}
	s.TimeToThreshold = timeBound(prev.TimeToThreshold, m.TimeToThreshold)
	oomStatus(s, v)
	return s
}

// nonPod returns what no pod uses. The published amount stays while the exact amount differs from it by no more than a twentieth of
// the node's memory: the exact amount is the difference of two readings, and varies with both.
func nonPod(published *resource.Quantity, m *engine.Memory) resource.Quantity {
	band := m.Total / 20
	if published != nil && m.NonPod-published.Value() <= band && published.Value()-m.NonPod <= band {
		return quantity.Figure(published.Value())
	}
	return quantity.Figure(m.NonPod)
}

// softCrossedAt returns since when the soft threshold has been crossed, as far as that is known: the published time; else the time
// at which the kubelet reported MemoryPressure, which it does at once; else the time of the reading.
func softCrossedAt(n *facts.Node, published *metav1.Time) metav1.Time {
	switch {
	case published != nil:
		return *published
	case n.MemoryPressure == facts.StateTrue && !n.PressureSince.IsZero():
		return Stamp(n.PressureSince)
	case !n.Usage.MeasuredAt.IsZero():
		return Stamp(n.Usage.MeasuredAt)
	}
	return Stamp(n.Usage.ObservedAt)
}

func oomStatus(s *v1alpha1.MemoryStatus, v *engine.Verdict) {
	if v.NoOOM != "" {
		return
	}
	s.OOMScope = v1alpha1.OOMScopeNode
	if v.Memory.OOMOfPods {
		s.OOMScope = v1alpha1.OOMScopePods
	}
	if c := v.Node.Config; c != nil {
		s.OOMKills = oomUnits[c.OOMKills]
	}
	if v.Memory.OOMHeadroomKnown {
		s.OOMHeadroom = new(quantity.Figure(v.Memory.OOMHeadroom))
	}
}

var oomUnits = map[facts.OOMUnit]v1alpha1.OOMUnit{
	facts.OOMUnitProcess: v1alpha1.OOMKillsProcess, facts.OOMUnitContainer: v1alpha1.OOMKillsContainer,
}

var thresholdSources = map[engine.ThresholdSource]v1alpha1.ThresholdSource{
	engine.AssumedThreshold:  v1alpha1.ThresholdDefault,
	engine.InferredThreshold: v1alpha1.ThresholdInferred,
	engine.KubeletThreshold:  v1alpha1.ThresholdKubelet,
	engine.NoThreshold:       v1alpha1.ThresholdNone,
}
