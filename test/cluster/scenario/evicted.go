package scenario

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EvictionEvent is the Event that a kubelet writes when it evicts a pod because
// memory is short. elapsed is the time since the start of the scenario; available
// is the node's memory.available, in bytes. The words and annotations are those of
// k8s.io/kubernetes v1.37.2 pkg/kubelet/eviction/helpers.go, evictionMessage.
func EvictionEvent(p *Pod, object *corev1.Pod, elapsed time.Duration, available int64, at metav1.Time) *corev1.Event {
	var message strings.Builder
	fmt.Fprintf(&message, "The node was low on resource: memory. Threshold quantity: %s, available: %s. ",
		p.Node.Class.Kubelet.EvictionHard[memoryAvailable], kibi(available))
	var names, usages []string
	for i := range p.Class.Containers {
		container, usage := &p.Class.Containers[i], resource.MustParse(kibi(p.WorkingSet(i, elapsed)))
		request := container.Resources.Requests[corev1.ResourceMemory]
		if usage.Cmp(request) <= 0 {
			continue
		}
		fmt.Fprintf(&message, "Container %s was using %s, request is %s, has larger consumption of memory. ",
			container.Name, usage.String(), request.String())
		names, usages = append(names, container.Name), append(usages, usage.String())
	}
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: object.Namespace, Name: fmt.Sprintf("%s.%x", object.Name, at.UnixNano()),
			Annotations: map[string]string{
				"offending_containers": strings.Join(names, ","), "offending_containers_usage": strings.Join(usages, ","),
				"starved_resource": "memory",
			},
		},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: object.Namespace, Name: object.Name, UID: object.UID,
			ResourceVersion: object.ResourceVersion,
		},
		Reason: "Evicted", Message: message.String(), Type: corev1.EventTypeWarning,
		FirstTimestamp: at, LastTimestamp: at, Count: 1,
		Source:              corev1.EventSource{Component: "kubelet", Host: p.Node.Name},
		ReportingController: "kubelet", ReportingInstance: p.Node.Name,
	}
}

// kibi is an amount as the kubelet prints its readings: in Ki, or a larger unit
// where that is exact.
func kibi(bytes int64) string { return resource.NewQuantity(bytes>>10<<10, resource.BinarySI).String() }

// SetEvictedStatus turns the status of a running pod into the status of an evicted
// pod. The result is what a kubelet v1.37 writes if the containers are gone before
// the kubelet looks at them.
func SetEvictedStatus(object *corev1.Pod, message string, at metav1.Time) {
	status := &object.Status
	status.Phase, status.Reason, status.Message = corev1.PodFailed, "Evicted", message
	for i := range status.Conditions {
		setEnded(&status.Conditions[i], at)
	}
	status.Conditions = append(status.Conditions, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, LastTransitionTime: at,
		Reason: corev1.PodReasonTerminationByKubelet, Message: message,
	})
	for _, containers := range [][]corev1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for i := range containers {
			setLost(&containers[i])
		}
	}
}

func setEnded(condition *corev1.PodCondition, at metav1.Time) {
	reason := "PodFailed"
	switch condition.Type {
	case corev1.PodReadyToStartContainers:
		reason = "PodSandboxNotReady"
	case corev1.PodReady, corev1.ContainersReady:
	default:
		return
	}
	condition.Status, condition.Reason, condition.LastTransitionTime = corev1.ConditionFalse, reason, at
}

// setLost sets the status of a container whose exit the kubelet has not seen.
func setLost(c *corev1.ContainerStatus) {
	const unknown, killed = "ContainerStatusUnknown", 137
	no := false
	c.Ready, c.Started, c.RestartCount, c.ContainerID, c.ImageID = false, &no, c.RestartCount+1, "", ""
	c.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: killed, Reason: unknown, Message: "The container could not be located when the pod was terminated",
	}}
	c.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: killed, Reason: unknown,
		Message: "The container could not be located when the pod was deleted.  The container used to be Running",
	}}
}
