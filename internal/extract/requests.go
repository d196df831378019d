package extract

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/quantity"
)

// memory of a resource list in bytes, 0..facts.MaxBytes.
func memory(l corev1.ResourceList) int64 {
	q, ok := l[corev1.ResourceMemory]
	if !ok {
		return 0
	}
	return Bytes(q)
}

// Bytes of a quantity, rounded up and kept within 0..facts.MaxBytes.
func Bytes(q resource.Quantity) int64 {
	switch {
	case q.Sign() < 0:
		return 0
	case q.CmpInt64(facts.MaxBytes) > 0:
		return facts.MaxBytes // sums of quantities may not fit an int64, where Value wraps around
	}
	return q.Value()
}

// parseQuantity parses a quantity of 0 or more that comes from outside: from a policy, or from a kubelet.
func parseQuantity(text string) (q resource.Quantity, ok bool) {
	q, err := quantity.Parse(text)
	return q, err == nil && q.Sign() >= 0
}

func notMemory(text string) error {
	return fmt.Errorf("%.*q is not an amount of memory of 0 or more", quantity.MaxLength, text)
}

// effectiveRequest mirrors GetResourceRequestQuantity for memory (kubernetes/pkg/api/v1/resource/helpers.go,
// v1.37.2): pod-level resources of any kind switch the containers' off, and overhead counts only on top of a
// request that is not 0. p is the pod as allocated.
func effectiveRequest(p *corev1.Pod) int64 {
	overhead := memory(p.Spec.Overhead)
	request := requestAllocated(p, overhead)
	if request <= 0 {
		return 0
	}
	return min(request+overhead, facts.MaxBytes)
}

func requestAllocated(p *corev1.Pod, overhead int64) int64 {
	podLevel := resourcehelper.IsPodLevelResourcesSet(p)
	if p.Status.AllocatedResources != nil && !podLevel {
		// Containers that were never created have no allocation of their own in the status; the sum has it.
		return memory(p.Status.AllocatedResources) - overhead - claimedInAll(p)
	}
	return memory(resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{
		SkipContainerLevelResources: podLevel,
		ExcludeOverhead:             true,
	}))
}

// adjShare mirrors remainingPodMemReqPerContainer (kubernetes/pkg/kubelet/qos/helpers.go, v1.37.2): what a
// pod-level memory request leaves over after its containers', shared out over all containers.
func adjShare(p *corev1.Pod) int64 {
	if !resourcehelper.IsPodLevelRequestsSet(p) {
		return 0
	}
	requested := memory(p.Spec.Resources.Requests)
	sharers := int64(len(p.Spec.Containers) + len(p.Spec.InitContainers))
	if requested == 0 || sharers == 0 {
		return 0
	}
	given := memory(resourcehelper.AggregateContainerRequests(p, resourcehelper.PodResourcesOptions{
		UseDRANodeAllocatableResourceClaimStatus: true, // the status has claims only where the gate is on
	}))
	return max(requested-given, 0) / sharers
}

// podLimit is the pod-level memory limit, as actuated where the status says; 0 if none is set.
func podLimit(p *corev1.Pod) int64 {
	if p.Spec.Resources == nil || memory(p.Spec.Resources.Limits) == 0 {
		return 0
	}
	if r := p.Status.Resources; r != nil && memory(r.Limits) > 0 {
		return memory(r.Limits)
	}
	return memory(p.Spec.Resources.Limits)
}

// allocated returns the pod with the resources that the kubelet has allocated to it in place of those asked
// for: an in-place resize that the kubelet has not admitted changes neither eviction nor oom_score_adj
// (kubernetes/pkg/kubelet/allocation). The pod itself is returned where they do not differ.
func allocated(p *corev1.Pod) *corev1.Pod {
	containers, changed := allocatedContainers(p.Spec.Containers, p.Status.ContainerStatuses)
	inits, initsChanged := allocatedContainers(p.Spec.InitContainers, p.Status.InitContainerStatuses)
	podLevel, podChanged := allocatedPodLevel(p)
	if !changed && !initsChanged && !podChanged {
		return p
	}
	shallow := *p
	shallow.Spec.Containers, shallow.Spec.InitContainers, shallow.Spec.Resources = containers, inits, podLevel
	return &shallow
}

func allocatedContainers(spec []corev1.Container, statuses []corev1.ContainerStatus) (cs []corev1.Container, changed bool) {
	cs = spec
	byName := indexed(statuses)
	for i := range spec {
		s := byName.of(spec[i].Name)
		if s == nil || (s.AllocatedResources == nil && s.Resources == nil) {
			continue // not created yet, or a kubelet that reports neither; alone, a missing allocation is an empty one
		}
		if memory(s.AllocatedResources) == memory(spec[i].Resources.Requests) {
			continue
		}
		if !changed {
			cs, changed = append([]corev1.Container(nil), spec...), true
		}
		cs[i].Resources.Requests = s.AllocatedResources
	}
	return cs, changed
}

// allocatedPodLevel replaces a pod-level memory request by the allocated one, also where the one asked for is 0. The
// status includes overhead, which is added again later, so it is taken off here. It sums up the containers' where
// there is no pod-level request, so a pod that is asked for its first looks as if it had had that sum: as it will
// have unless it is from before 1.37, where the API server fills the sum in.
func allocatedPodLevel(p *corev1.Pod) (r *corev1.ResourceRequirements, changed bool) {
	r = p.Spec.Resources
	if r == nil || p.Status.AllocatedResources == nil {
		return r, false
	}
	if _, set := r.Requests[corev1.ResourceMemory]; !set {
		return r, false
	}
	allocated := max(memory(p.Status.AllocatedResources)-memory(p.Spec.Overhead)-claimedInAll(p), 0)
	if allocated == memory(r.Requests) {
		return r, false
	}
	r = r.DeepCopy()
	r.Requests[corev1.ResourceMemory] = *resource.NewQuantity(allocated, resource.BinarySI)
	return r, true
}
