package facts

import "time"

// KubeletConfig is the part of a kubelet's configuration that decides who dies.
type KubeletConfig struct {
	// EvictionHard is the hard memory.available threshold.
	EvictionHard Threshold
	// EvictionSoft is the soft memory.available threshold and SoftGrace its grace period.
	EvictionSoft Threshold
	SoftGrace    time.Duration
	// MaxPodGrace is the longest grace period of a pod that is evicted for a soft threshold.
	MaxPodGrace time.Duration
	// KubeReserved and SystemReserved memory.
	KubeReserved, SystemReserved int64
	// PodsEnforced: the kubepods cgroup is limited to the node's allocatable before eviction.
	PodsEnforced bool
	// LimitedSwap: Burstable containers may swap.
	LimitedSwap bool
	// DefaultsDropped: eviction thresholds are set, that of memory is not among them, and defaults are not merged.
	DefaultsDropped bool
	// MinReclaim is what eviction frees beyond the hard threshold, once that was crossed.
	MinReclaim Threshold
	// OOMKills: a kernel OOM kill takes one process or, with memory.oom.group, its whole container.
	OOMKills OOMUnit
}

// OOMUnit is what dies with the process that the kernel chose.
type OOMUnit uint8

// What dies: it depends on the cgroup version too, which a kubelet does not always tell.
const (
	OOMUnitUnknown OOMUnit = iota
	OOMUnitProcess
	OOMUnitContainer
)

// Threshold is an amount of bytes or a fraction of capacity; the zero value means none is set.
type Threshold struct {
	Set bool
	// Bytes, unless Fraction (0..1) is above 0.
	Bytes    int64
	Fraction float32
}

// Of returns the threshold in bytes on a node of that capacity, and whether one is set. Fractions are float32
// and round down, as in the kubelet (kubelet/eviction/api/types.go GetThresholdQuantity, v1.37.2).
func (t Threshold) Of(capacity int64) (int64, bool) {
	if t.Fraction > 0 {
		return int64(float64(capacity) * float64(t.Fraction)), t.Set
	}
	return t.Bytes, t.Set
}
