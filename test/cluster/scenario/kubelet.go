package scenario

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// memoryAvailable is the eviction signal of the whole node.
const memoryAvailable = "memory.available"

// evictionHardDefaults are the kubelet's default thresholds on Linux
// (k8s.io/kubernetes pkg/kubelet/apis/config/v1beta1/defaults_linux.go).
var evictionHardDefaults = map[string]string{
	memoryAvailable:      "100Mi",
	"nodefs.available":   "10%",
	"nodefs.inodesFree":  "5%",
	"imagefs.available":  "15%",
	"imagefs.inodesFree": "5%",
}

func compileKubelet(f *fields, s *kubeletSpec) Kubelet {
	k := Kubelet{
		Version:                      orDefault(s.Version, defaultVersion),
		EvictionHard:                 evictionHard(s),
		EvictionSoft:                 s.EvictionSoft,
		EvictionSoftGracePeriod:      s.EvictionSoftGracePeriod,
		EvictionMinimumReclaim:       s.EvictionMinimumReclaim,
		MergeDefaultEvictionSettings: s.MergeDefaultEvictionSettings,
		KubeReserved:                 s.KubeReserved,
		SystemReserved:               s.SystemReserved,
		EnforceNodeAllocatable:       s.EnforceNodeAllocatable,
		SwapBehavior:                 s.SwapBehavior,
		SingleProcessOOMKill:         s.SingleProcessOOMKill,
		Unreachable:                  s.Unreachable,
	}
	if k.EnforceNodeAllocatable == nil {
		k.EnforceNodeAllocatable = []string{"pods"}
	}
	f.oneOf("kubelet.swapBehavior", k.SwapBehavior, "", "NoSwap", "LimitedSwap")
	k.Reserved = f.bytes("kubelet.kubeReserved.memory", scalar(k.KubeReserved["memory"])) +
		f.bytes("kubelet.systemReserved.memory", scalar(k.SystemReserved["memory"]))
	return k
}

// evictionHard returns the hard thresholds that a kubelet would use. If the
// configuration names any threshold, the defaults of all other thresholds are
// dropped, unless mergeDefaultEvictionSettings is true.
func evictionHard(s *kubeletSpec) map[string]string {
	if s.EvictionHard != nil && !s.MergeDefaultEvictionSettings {
		return s.EvictionHard
	}
	merged := maps.Clone(evictionHardDefaults)
	maps.Copy(merged, s.EvictionHard)
	return merged
}

// threshold returns the hard threshold of memory.available in bytes, 0 if there
// is none.
func threshold(f *fields, class *NodeClass) int64 {
	text, ok := class.Kubelet.EvictionHard[memoryAvailable]
	if !ok {
		return 0
	}
	const field = "kubelet.evictionHard.memory.available"
	if text != "" && text[len(text)-1] == '%' {
		return int64(f.percent(field, scalar(text), 0) * float64(class.MemoryCapacity()))
	}
	return f.bytes(field, scalar(text))
}

// allocatable is what the kubelet would publish: capacity less reservations,
// hard eviction threshold and huge pages.
func allocatable(f *fields, class *NodeClass) corev1.ResourceList {
	out := class.Capacity.DeepCopy()
	memory := class.MemoryCapacity() - class.Kubelet.Reserved - threshold(f, class) - class.Hugepages()
	f.check(memory > 0, "capacity.memory", "nothing is left after reservations and eviction threshold")
	out[corev1.ResourceMemory] = *resource.NewQuantity(memory, resource.BinarySI)
	return out
}

// PodsLimit is the memory limit of the cgroup of all pods, in bytes: capacity less
// reservations if the kubelet enforces the limit on pods, else the whole capacity.
func (c *NodeClass) PodsLimit() int64 {
	if slices.Contains(c.Kubelet.EnforceNodeAllocatable, "pods") {
		return c.MemoryCapacity() - c.Kubelet.Reserved
	}
	return c.MemoryCapacity()
}
