package extract

import (
	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/killorder/killorder/internal/facts"
)

// qosClass is the class in the pod's status, else the one that the newest API server would have computed.
func qosClass(p *corev1.Pod) facts.QOS {
	switch p.Status.QOSClass {
	case corev1.PodQOSGuaranteed:
		return facts.Guaranteed
	case corev1.PodQOSBurstable:
		return facts.Burstable
	case corev1.PodQOSBestEffort:
		return facts.BestEffort
	}
	return QOS(p, 0)
}

// QOS is the class that an API server of Kubernetes 1.minor (0: the newest) computes from the spec (ComputePodQOS in
// kubernetes/pkg/apis/core/v1/helper/qos/qos.go, v1.31.14, v1.34.0 and v1.37.2): the pod's own resources decide it where
// that API server knows them, and from facts.EmptyPodResources on only if they hold anything.
func QOS(p *corev1.Pod, minor int) facts.QOS {
	server := facts.Node{Minor: minor}
	own := p.Spec.Resources != nil && server.Follows(facts.PodLevelResources)
	if own && server.Follows(facts.EmptyPodResources) {
		own = resourcehelper.IsPodLevelResourcesSet(p)
	}
	if own {
		return requirementsQOS(p.Spec.Resources)
	}
	var classes [3]bool
	for i := range p.Spec.InitContainers {
		classes[requirementsQOS(&p.Spec.InitContainers[i].Resources)] = true
	}
	for i := range p.Spec.Containers {
		classes[requirementsQOS(&p.Spec.Containers[i].Resources)] = true
	}
	return together(classes)
}

func requirementsQOS(r *corev1.ResourceRequirements) facts.QOS {
	var classes [3]bool
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		classes[resourceQOS(r, name)] = true
	}
	return together(classes)
}

func resourceQOS(r *corev1.ResourceRequirements, name corev1.ResourceName) facts.QOS {
	request, limit := r.Requests[name], r.Limits[name]
	switch {
	case !request.Equal(limit):
		return facts.Burstable
	case request.IsZero():
		return facts.BestEffort
	}
	return facts.Guaranteed
}

// together is the class of parts of the given classes: theirs if they agree, else Burstable.
func together(classes [3]bool) facts.QOS {
	switch classes {
	case [3]bool{facts.Guaranteed: true}:
		return facts.Guaranteed
	case [3]bool{facts.BestEffort: true}, [3]bool{}:
		return facts.BestEffort
	}
	return facts.Burstable
}

// Template returns the facts of a pod that a manifest would make, before the pod is bound to a node. minor is the version
// of Kubernetes 1 that the manifest is meant for, 0 for the newest known: the QoS class depends on it.
func Template(p *corev1.Pod, minor int) *facts.Pod {
	f := Pod(p)
	f.QOS = QOS(p, minor)
	return f
}
