package kubelet

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// unknowable reports whether the API server does not say what the kubelet goes by. No client can then be exact, so
// such pods are left out, and counted. There are three kinds.
func unknowable(p *Pod, a *wire.Admitted[corev1.Pod]) bool {
	if completed(a) {
		return true
	}
	pending := a.Resized != nil && !p.ResizeAllocated
	return pending && (waiting(p, a) || switching(a))
}

// completed reports whether a static pod's mirror asks for more than the kubelet knows of: from 1.37 on, the
// registry fills in pod-level resources of which a manifest sets some, also in mirrors, but nothing does so for the
// kubelet's own copy.
func completed(a *wire.Admitted[corev1.Pod]) bool {
	return a.Static != nil && !equality.Semantic.DeepEqual(a.Static.Pod.Spec.Resources, a.Created.Pod.Spec.Resources)
}

// waiting reports whether a resize that has not been granted concerns a container that was never created: the status
// shows no allocation of such a container. From 1.36 on the status has the sum of all, which is enough for eviction
// unless there are pod-level resources, but not for the oom_score_adj of a sidecar, which looks at the others' requests.
func waiting(p *Pod, a *wire.Admitted[corev1.Pod]) bool {
	before, after := &a.Created.Pod.Spec, &a.Resized.Pod.Spec
	regular := unbornResize(p, before.Containers, after.Containers)
	if !regular && !unbornResize(p, before.InitContainers, after.InitContainers) {
		return false
	}
	return a.Created.AllocatedResources == nil || after.Resources != nil || (regular && sidecarRuns(p))
}

// switching reports whether a resize that has not been granted would change whether the containers' requests are
// switched off by pod-level resources without a memory request. The sum in the status has the containers' either way:
// a pod whose resources get their first memory request looks like one whose request was the containers' sum (but for
// pods with overhead, see statusResources). That one is not left out, and killorder takes both for it: its like is
// created every day, the other only where the API server does not fill the sum in, before 1.37. A memory request of 0
// is one.
func switching(a *wire.Admitted[corev1.Pod]) bool {
	given := resourcehelper.AggregateContainerRequests(&a.Created.Pod, resourcehelper.PodResourcesOptions{})
	return switchedOff(&a.Created.Pod) != switchedOff(&a.Resized.Pod) && !given.Memory().IsZero()
}

func switchedOff(p *corev1.Pod) bool {
	if !resourcehelper.IsPodLevelResourcesSet(p) {
		return false
	}
	_, set := p.Spec.Resources.Requests[corev1.ResourceMemory]
	return !set
}

func unbornResize(p *Pod, before, after []corev1.Container) bool {
	for i := range before {
		if p.Containers[before[i].Name] == Unborn && !before[i].Resources.Requests.Memory().Equal(*after[i].Resources.Requests.Memory()) {
			return true
		}
	}
	return false
}

func sidecarRuns(p *Pod) bool {
	for i := range p.Manifest.Spec.InitContainers {
		c := &p.Manifest.Spec.InitContainers[i]
		if c.RestartPolicy != nil && p.Containers[c.Name] == Running {
			return true
		}
	}
	return false
}
