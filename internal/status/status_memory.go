package status

import (
	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

func memoryStatus(v *engine.Verdict, prev *v1alpha1.MemoryStatus) *v1alpha1.MemoryStatus {
	m := &v.Memory
	s := &v1alpha1.MemoryStatus{
		Capacity:        quantity(v.Node.Capacity),
		Requested:       new(quantity(m.Requested)),
		ThresholdSource: thresholdSources[m.ThresholdSource],
	}
	if v.Node.Allocatable > 0 {
		s.Allocatable = new(quantity(v.Node.Allocatable))
	}
	if m.Available != facts.Unknown {
		s.Available = new(figure(m.Available))
	}
	if m.ThresholdSource != engine.NoThreshold {
		if !m.SoftOnly {
			s.EvictionThreshold = new(quantity(m.Threshold))
		}
		s.EvictionSignal = v1alpha1.SignalMemoryAvailable
		if m.EvictionOfPods {
			s.EvictionSignal = v1alpha1.SignalAllocatableMemoryAvailable
		}
	}
	if m.MinReclaim > 0 {
		s.EvictionMinimumReclaim = new(quantity(m.MinReclaim))
	}
	if m.SoftThreshold > 0 {
		s.SoftEvictionThreshold = new(quantity(m.SoftThreshold))
		s.SoftEvictionGracePeriodSeconds = new(int64(v.Node.Config.SoftGrace.Seconds()))
	}
	if m.HeadroomKnown {
		s.Headroom = new(figure(m.Headroom))
	}
	if prev == nil {
		prev = &v1alpha1.MemoryStatus{}
	}
	s.TimeToThreshold = timeBound(prev.TimeToThreshold, m.TimeToThreshold)
	oomStatus(s, v)
	return s
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
		s.OOMHeadroom = new(figure(v.Memory.OOMHeadroom))
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
