package forensics

import (
	"iter"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/extract"
)

// defaultGrace in seconds applies where terminationGracePeriodSeconds is not set.
const defaultGrace = 30

func victim(pod *corev1.Pod, gone bool) *Victim {
	v := &Victim{
		UID:           cut(string(pod.UID)),
		Namespace:     cut(pod.Namespace),
		Name:          cut(pod.Name),
		Node:          cut(pod.Spec.NodeName),
		Created:       pod.CreationTimestamp.Time,
		Phase:         oneLine(string(pod.Status.Phase), maxText),
		StatusReason:  oneLine(pod.Status.Reason, maxText),
		StatusMessage: oneLine(pod.Status.Message, maxNote),
		Disruption:    disruption(pod),
		Gone:          gone,
		Ran:           anyStatus(pod, started),
		Running:       anyStatus(pod, running),
		MainDone:      mainDone(pod),
		Grace:         defaultGrace,
		Containers:    len(pod.Spec.Containers) + len(pod.Spec.InitContainers),
		Tmpfs:         tmpfs(pod),
	}
	if pod.DeletionTimestamp != nil {
		v.DeletionAt = pod.DeletionTimestamp.Time
	}
	if pod.DeletionGracePeriodSeconds != nil {
		v.DeletionGrace = max(0, *pod.DeletionGracePeriodSeconds)
	}
	if pod.Spec.TerminationGracePeriodSeconds != nil {
		v.Grace = max(0, *pod.Spec.TerminationGracePeriodSeconds)
	}
	v.Limit, v.LimitSet = podLimit(pod)
	return v
}

func disruption(pod *corev1.Pod) *Disruption {
	for i := range pod.Status.Conditions {
		c := &pod.Status.Conditions[i]
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return &Disruption{
				Reason:  oneLine(c.Reason, maxText),
				Message: oneLine(c.Message, maxNote),
				At:      c.LastTransitionTime.Time,
			}
		}
	}
	return nil
}

// statuses gives the statuses of all containers: init containers and sidecars, containers, ephemeral containers.
func statuses(pod *corev1.Pod) iter.Seq[*corev1.ContainerStatus] {
	return func(yield func(*corev1.ContainerStatus) bool) {
		for _, list := range [...][]corev1.ContainerStatus{
			pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses,
		} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

func anyStatus(pod *corev1.Pod, is func(*corev1.ContainerStatus) bool) bool {
	for s := range statuses(pod) {
		if is(s) {
			return true
		}
	}
	return false
}

func running(s *corev1.ContainerStatus) bool { return s.State.Running != nil }

func started(s *corev1.ContainerStatus) bool {
	return s.ContainerID != "" || s.State.Running != nil || s.RestartCount > 0 || s.LastTerminationState.Terminated != nil
}

func mainDone(pod *corev1.Pod) bool {
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].State.Terminated == nil {
			return false
		}
	}
	return len(pod.Status.ContainerStatuses) > 0
}

// podLimit is the memory limit of the pod's cgroup as the kubelet sets it (cm/helpers_linux.go ResourceConfigForPod,
// v1.37.2): the pod-level limit, else, where every container has a limit, what the containers' limits come to.
func podLimit(pod *corev1.Pod) (bytes int64, set bool) {
	if r := pod.Spec.Resources; r != nil {
		if q := r.Limits.Memory(); !q.IsZero() {
			return bounded(q.Value()), true
		}
	}
	return bounded(sumOfLimits(pod)), false
}

// sumOfLimits is what the containers' limits and the overhead come to, 0 where a container has none: sidecars and
// regular containers together, or a greater need of an init container beside the sidecars before it.
func sumOfLimits(pod *corev1.Pod) int64 {
	statuses := statusesByName(pod)
	var sum, sidecars, start int64
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		limit := limitOf(c, statuses[c.Name])
		if limit == 0 {
			return 0
		}
		start = max(start, bounded(sidecars+limit))
		if extract.IsSidecar(c) {
			sidecars = bounded(sidecars + limit)
		}
	}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		limit := limitOf(c, statuses[c.Name])
		if limit == 0 {
			return 0
		}
		sum = bounded(sum + limit)
	}
	if sum = max(start, bounded(sum+sidecars)); sum == 0 {
		return 0
	}
	return sum + bounded(pod.Spec.Overhead.Memory().Value())
}

func statusesByName(pod *corev1.Pod) map[string]*corev1.ContainerStatus {
	out := make(map[string]*corev1.ContainerStatus, len(pod.Status.ContainerStatuses))
	for s := range statuses(pod) {
		out[s.Name] = s
	}
	return out
}

// tmpfs names the pod's memory-backed volumes, at most 8.
func tmpfs(pod *corev1.Pod) (names []string) {
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if e := v.EmptyDir; e != nil && e.Medium == corev1.StorageMediumMemory && len(names) < 8 {
			names = append(names, cut(v.Name))
		}
	}
	return names
}
