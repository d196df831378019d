package extract

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/internal/facts"
)

// maxOdd bounds the amounts written wrong that are kept of one pod, maxWritten each of them in bytes.
const maxOdd, maxWritten = 8, 32

// rare returns what few pods have, nil if this one has none of it.
func rare(p *corev1.Pod) *facts.Rare {
	r, odd, wishes, claimed := resize(p), oddQuantities(p), ignores(p.Annotations), claims(p)
	if r == (facts.Resize{}) && len(odd) == 0 && len(wishes) == 0 && len(claimed) == 0 {
		return nil
	}
	return &facts.Rare{Resize: r, Odd: odd, Ignores: wishes, Claims: claimed}
}

// claims mirror getEffectiveContainerMemoryRequest (pkg/kubelet/qos/policy.go, v1.37.2), which is behind the gate
// DRANodeAllocatableResources: the status has claims only where the API server has it on. What several containers share of a
// claim is divided between them.
func claims(p *corev1.Pod) (found []facts.Claim) {
	if len(p.Status.NodeAllocatableResourceClaimStatuses) == 0 {
		return nil
	}
	names := make([]string, 0, len(p.Spec.InitContainers)+len(p.Spec.Containers))
	for _, list := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range list {
			names = append(names, list[i].Name)
		}
	}
	for i, name := range names {
		sum := int64(0)
		for k := range p.Status.NodeAllocatableResourceClaimStatuses {
			sum = min(sum+claimedOf(&p.Status.NodeAllocatableResourceClaimStatuses[k], name), facts.MaxBytes)
		}
		if sum > 0 {
			found = append(found, facts.Claim{Container: i, Bytes: sum})
		}
	}
	return found
}

// claimedInAll is the memory, in bytes, that a pod has of resource claims. The kubelet adds it to the status's allocated resources
// (addDRANodeAllocatableClaimResources in component-helpers/resource/helpers.go, v0.37.2), and ranks for eviction without it.
func claimedInAll(p *corev1.Pod) (sum int64) {
	for k := range p.Status.NodeAllocatableResourceClaimStatuses {
		c := &p.Status.NodeAllocatableResourceClaimStatuses[k]
		for i := range c.Mapping {
			if m := &c.Mapping[i]; m.Name == corev1.ResourceMemory && m.Quantity != nil {
				sum += Bytes(*m.Quantity)
			}
		}
		for i := range c.Overhead {
			o := &c.Overhead[i]
			if o.Name != corev1.ResourceMemory {
				continue
			}
			if o.PerPod != nil {
				sum += Bytes(*o.PerPod)
			}
			if o.PerContainer != nil {
				sum += min(Bytes(*o.PerContainer), facts.MaxBytes/1000) * int64(len(c.Containers))
			}
		}
		sum = min(sum, facts.MaxBytes)
	}
	return sum
}

// claimedOf is a container's part of the memory of one claim, in bytes.
func claimedOf(c *corev1.NodeAllocatableResourceClaimStatus, container string) (sum int64) {
	if !slices.Contains(c.Containers, container) {
		return 0
	}
	sharers := int64(len(c.Containers))
	for i := range c.Mapping {
		if m := &c.Mapping[i]; m.Name == corev1.ResourceMemory && m.Quantity != nil {
			sum += Bytes(*m.Quantity) / sharers
		}
	}
	for i := range c.Overhead {
		o := &c.Overhead[i]
		if o.Name != corev1.ResourceMemory {
			continue
		}
		if o.PerPod != nil {
			sum += Bytes(*o.PerPod) / sharers
		}
		if o.PerContainer != nil {
			sum += Bytes(*o.PerContainer)
		}
	}
	return min(sum, facts.MaxBytes)
}

// resize is the in-place resize of memory that the spec asks for and that is not in force.
func resize(p *corev1.Pod) facts.Resize {
	state := facts.NoResize
	for i := range p.Status.Conditions {
		c := &p.Status.Conditions[i]
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == corev1.PodResizePending && c.Reason == corev1.PodReasonInfeasible:
			state = facts.ResizeInfeasible
		case c.Type == corev1.PodResizePending:
			state = facts.ResizeDeferred
		case c.Type == corev1.PodResizeInProgress && state == facts.NoResize:
			state = facts.ResizeInProgress
		}
	}
	if state == facts.NoResize {
		return facts.Resize{}
	}
	return facts.Resize{State: state, Request: askedFor(p), Limit: limitAskedFor(p)}
}

// limitAskedFor is the sum of the limits of the spec, or the pod's own, in bytes; facts.MaxBytes where a container has
// none.
func limitAskedFor(p *corev1.Pod) (sum int64) {
	if r := p.Spec.Resources; r != nil && memory(r.Limits) > 0 {
		return memory(r.Limits)
	}
	add := func(r *corev1.ResourceRequirements) {
		if limit := memory(r.Limits); limit > 0 {
			sum = min(sum+limit, facts.MaxBytes)
		} else {
			sum = facts.MaxBytes
		}
	}
	for i := range p.Spec.Containers {
		add(&p.Spec.Containers[i].Resources)
	}
	for i := range p.Spec.InitContainers {
		if c := &p.Spec.InitContainers[i]; IsSidecar(c) {
			add(&c.Resources)
		}
	}
	return sum
}

// askedFor is the effective request of the spec, in bytes, whatever the kubelet has allocated.
func askedFor(p *corev1.Pod) int64 {
	asked := *p
	asked.Status.AllocatedResources = nil
	return effectiveRequest(&asked)
}

// oddQuantities are the amounts of memory that were written with a wrong unit, containers in spec order.
func oddQuantities(p *corev1.Pod) (odd []facts.OddQuantity) {
	if p.Spec.Resources != nil {
		odd = oddIn(odd, "", p.Spec.Resources)
	}
	for i := range p.Spec.InitContainers {
		odd = oddIn(odd, p.Spec.InitContainers[i].Name, &p.Spec.InitContainers[i].Resources)
	}
	for i := range p.Spec.Containers {
		odd = oddIn(odd, p.Spec.Containers[i].Name, &p.Spec.Containers[i].Resources)
	}
	return odd
}

// oddIn appends the odd amounts of a container, "" for the pod itself.
func oddIn(odd []facts.OddQuantity, container string, r *corev1.ResourceRequirements) []facts.OddQuantity {
	for field, list := range [2]corev1.ResourceList{r.Requests, r.Limits} {
		q, set := list[corev1.ResourceMemory]
		if !set || len(odd) == maxOdd {
			continue
		}
		if meant := intended(q); meant != "" {
			odd = append(odd, facts.OddQuantity{
				Container: intern(container), Field: [2]string{"requests.memory", "limits.memory"}[field],
				Value: intern(printable(q.String(), maxWritten)), Meant: intern(meant),
			})
		}
	}
	return odd
}

// leastMemory is less than any process has ever used, in bytes: an amount of memory below it has a wrong unit.
const leastMemory = 1 << 10

// intended is the amount that was meant by one of less than leastMemory, "" for other amounts: "512m" is half a byte, and
// "512" is 512 bytes, where 512Mi was meant.
func intended(q resource.Quantity) string {
	if q.Sign() <= 0 || q.CmpInt64(leastMemory) >= 0 {
		return ""
	}
	if number, milli := strings.CutSuffix(q.String(), "m"); milli {
		return number + "Mi"
	}
	return q.String() + "Mi"
}

// tmpfs is how much the container can write into memory-backed emptyDir volumes, in bytes; facts.MaxBytes where one of
// them has no sizeLimit.
func tmpfs(volumes []corev1.Volume, mounts []corev1.VolumeMount) (bytes int64) {
	for i := range volumes {
		e := volumes[i].EmptyDir
		if e == nil || e.Medium != corev1.StorageMediumMemory || !writes(mounts, volumes[i].Name) {
			continue
		}
		if e.SizeLimit == nil || e.SizeLimit.Sign() <= 0 {
			return facts.MaxBytes
		}
		bytes = min(bytes+Bytes(*e.SizeLimit), facts.MaxBytes)
	}
	return bytes
}

func writes(mounts []corev1.VolumeMount, volume string) bool {
	for i := range mounts {
		if mounts[i].Name == volume && !mounts[i].ReadOnly {
			return true
		}
	}
	return false
}
