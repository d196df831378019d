package snapshot

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// systemPriorities are the values of the priority classes that every cluster has
// (k8s.io/kubernetes pkg/apis/scheduling/types.go).
var systemPriorities = map[string]int32{
	"system-cluster-critical": 2_000_000_000,
	"system-node-critical":    2_000_001_000,
}

// admit sets the fields that the API server sets in a new pod: the priority of
// the pod's class, the requests that follow from limits, and the QoS class.
func admit(pod *corev1.Pod, classes []scenario.PriorityClass) {
	priority := systemPriorities[pod.Spec.PriorityClassName]
	for _, class := range classes {
		if class.Name == pod.Spec.PriorityClassName {
			priority = class.Value
		}
	}
	pod.Spec.Priority = &priority
	for i := range pod.Spec.InitContainers {
		defaultRequests(&pod.Spec.InitContainers[i].Resources)
	}
	for i := range pod.Spec.Containers {
		defaultRequests(&pod.Spec.Containers[i].Resources)
	}
	pod.Status.QOSClass = qosClass(pod)
}

// defaultRequests sets each missing request to the limit of the same resource
// (k8s.io/kubernetes pkg/apis/core/v1/defaults.go, SetDefaults_Pod).
func defaultRequests(r *corev1.ResourceRequirements) {
	requests := corev1.ResourceList{}
	maps.Copy(requests, r.Limits)
	maps.Copy(requests, r.Requests)
	if len(requests) > 0 {
		r.Requests = requests
	}
}

// qosClass follows k8s.io/kubernetes pkg/apis/core/v1/helper/qos/qos.go for
// pods without resources of their own: Guaranteed where every container has CPU
// and memory limits that equal its requests, BestEffort where no container has a
// request or a limit of CPU or memory.
func qosClass(pod *corev1.Pod) corev1.PodQOSClass {
	guaranteed, bestEffort := true, true
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				request, limit := amount(containers[i].Resources.Requests, name), amount(containers[i].Resources.Limits, name)
				bestEffort = bestEffort && request.IsZero() && limit.IsZero()
				guaranteed = guaranteed && !limit.IsZero() && request.Cmp(limit) == 0
			}
		}
	}
	switch {
	case bestEffort:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

func amount(list corev1.ResourceList, name corev1.ResourceName) resource.Quantity { return list[name] }
