package scenario

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SetPodStatus fills in what the kubelet would report about a pod that was
// started at the given time. Fields that the API server has set stay as they are.
func SetPodStatus(pod *corev1.Pod, p *Pod, hostIP string, started time.Time) {
	at := metav1.NewTime(started)
	status := &pod.Status
	status.Phase = phases[p.Class.State]
	status.HostIP = hostIP
	status.HostIPs = []corev1.HostIP{{IP: hostIP}}
	status.StartTime = &at
	status.Conditions = podConditions(p.Class.State, at)
	status.ContainerStatuses, status.InitContainerStatuses = nil, nil
	if p.Class.State == Running || p.Class.State == CrashLoopBackOff {
		status.PodIP = fmt.Sprintf("10.%d.%d.%d", 128+p.Index>>16, p.Index>>8&255, p.Index&255)
		status.PodIPs = []corev1.PodIP{{IP: status.PodIP}}
	}
	for i := range p.Class.Containers {
		c := &p.Class.Containers[i]
		s := containerStatus(p, c, at)
		if c.Sidecar {
			status.InitContainerStatuses = append(status.InitContainerStatuses, s)
		} else {
			status.ContainerStatuses = append(status.ContainerStatuses, s)
		}
	}
}

var phases = map[State]corev1.PodPhase{
	Running:           corev1.PodRunning,
	CrashLoopBackOff:  corev1.PodRunning,
	ContainerCreating: corev1.PodPending,
	ImagePullBackOff:  corev1.PodPending,
	Succeeded:         corev1.PodSucceeded,
}

func podConditions(state State, at metav1.Time) []corev1.PodCondition {
	ready, reason := corev1.ConditionFalse, "ContainersNotReady"
	switch state {
	case Running:
		ready, reason = corev1.ConditionTrue, ""
	case Succeeded:
		reason = "PodCompleted"
	}
	condition := func(kind corev1.PodConditionType, status corev1.ConditionStatus, reason string) corev1.PodCondition {
		return corev1.PodCondition{Type: kind, Status: status, Reason: reason, LastTransitionTime: at}
	}
	return []corev1.PodCondition{
		condition(corev1.PodReadyToStartContainers, corev1.ConditionTrue, ""),
		condition(corev1.PodInitialized, corev1.ConditionTrue, ""),
		condition(corev1.PodReady, ready, reason),
		condition(corev1.ContainersReady, ready, reason),
		condition(corev1.PodScheduled, corev1.ConditionTrue, ""),
	}
}

// containerStatus also tells the allocated resources, as kubelets do since
// pods can be resized in place.
func containerStatus(p *Pod, c *Container, at metav1.Time) corev1.ContainerStatus {
	running := p.Class.State == Running
	status := corev1.ContainerStatus{
		Name:    c.Name,
		Image:   c.Image,
		Ready:   running,
		Started: &running,
		State:   containerState(p.Class.State, at),
	}
	if running || p.Class.State == Succeeded {
		status.ImageID = c.Image + "@sha256:" + hexID("image", c.Image)
		status.ContainerID = "containerd://" + hexID(p.Class.Namespace, p.Name, c.Name)
	}
	if running {
		resources := c.Resources.DeepCopy()
		status.Resources = resources
		status.AllocatedResources = resources.Requests
	}
	if p.Class.State == CrashLoopBackOff {
		status.RestartCount = 7
		status.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 1, Reason: "Error", StartedAt: at, FinishedAt: at,
			ContainerID: "containerd://" + hexID(p.Class.Namespace, p.Name, c.Name),
		}}
	}
	return status
}

func containerState(state State, at metav1.Time) corev1.ContainerState {
	switch state {
	case Running:
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at}}
	case Succeeded:
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: at, FinishedAt: at}}
	}
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: string(state)}}
}

// hexID is 64 hexadecimal digits, the same for the same words.
func hexID(words ...string) string {
	a, b := StableUID(append(words, "a")...), StableUID(append(words, "b")...)
	var digits []byte
	for _, r := range a + b {
		if r != '-' {
			digits = append(digits, byte(r))
		}
	}
	return string(digits)
}
