// Package extract turns Kubernetes objects and usage readings into facts. It is pure, and the only place that
// knows both sides: operator and plugin share it, so they cannot disagree.
package extract

import (
	"strings"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/facts"
)

const (
	// AnnotationMirror marks what the API server has of a static pod (pkg/kubelet/types/pod_update.go). An annotation
	// kubernetes.io/config.source says nothing here: the kubelet replaces it by its own (pkg/kubelet/config/config.go),
	// and whoever writes it cannot exempt a pod.
	AnnotationMirror = "kubernetes.io/config.mirror"

	systemNodeCritical = "system-node-critical"

	// labelPodTemplateHash ends the names of a Deployment's ReplicaSets.
	labelPodTemplateHash = "pod-template-hash"
)

// Candidate reports whether the pod counts on its node: bound and not finished.
func Candidate(p *corev1.Pod) bool {
	return p.Spec.NodeName != "" && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed
}

// Pod returns the facts of a Candidate. Nothing of it keeps the Pod in memory.
func Pod(p *corev1.Pod) *facts.Pod {
	alloc := allocated(p)
	names := p.Name + string(p.UID) // of 150,000 pods, one string for both takes less memory than two
	f := &facts.Pod{
		Namespace:    intern(p.Namespace),
		Name:         names[:len(p.Name)],
		UID:          names[len(p.Name):],
		Node:         intern(p.Spec.NodeName),
		Workload:     WorkloadOf(p),
		Labels:       labelsOf(p),
		QOS:          qosClass(p),
		Terminating:  p.DeletionTimestamp != nil,
		SandboxReady: sandboxReady(p),
		Request:      effectiveRequest(alloc),
		Limit:        podLimit(p),
		AdjShare:     adjShare(alloc),
	}
	if p.Spec.Priority != nil {
		f.Priority = *p.Spec.Priority
	}
	_, mirror := p.Annotations[AnnotationMirror]
	f.Exempt = mirror || f.Priority >= facts.SystemCriticalPriority
	f.NodeCritical = f.Exempt && p.Spec.PriorityClassName == systemNodeCritical
	f.Containers = bounded(containers(p, alloc))
	f.Rare = rare(p)
	return f
}

func intern(s string) string { return unique.Make(s).Value() }

func containers(p, alloc *corev1.Pod) []facts.Container {
	cs := make([]facts.Container, 0, len(p.Spec.InitContainers)+len(p.Spec.Containers)+len(p.Spec.EphemeralContainers))
	statuses := indexed(p.Status.InitContainerStatuses)
	for i := range alloc.Spec.InitContainers {
		c := &alloc.Spec.InitContainers[i]
		kind := facts.Init
		if IsSidecar(c) {
			kind = facts.Sidecar
		}
		cs = append(cs, container(c.Name, kind, c.Resources, statuses.of(c.Name)))
		cs[len(cs)-1].Tmpfs = tmpfs(p.Spec.Volumes, c.VolumeMounts)
	}
	statuses = indexed(p.Status.ContainerStatuses)
	for i := range alloc.Spec.Containers {
		c := &alloc.Spec.Containers[i]
		cs = append(cs, container(c.Name, facts.Regular, c.Resources, statuses.of(c.Name)))
		cs[len(cs)-1].Tmpfs = tmpfs(p.Spec.Volumes, c.VolumeMounts)
	}
	statuses = indexed(p.Status.EphemeralContainerStatuses)
	for i := range alloc.Spec.EphemeralContainers {
		c := &alloc.Spec.EphemeralContainers[i]
		cs = append(cs, container(c.Name, facts.Ephemeral, c.Resources, statuses.of(c.Name)))
	}
	return cs
}

// IsSidecar reports whether an init container keeps running beside the regular ones.
func IsSidecar(init *corev1.Container) bool {
	return init.RestartPolicy != nil && *init.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// container has the Pod's own name: bounded replaces the names that are kept.
func container(name string, kind facts.ContainerKind, r corev1.ResourceRequirements, s *corev1.ContainerStatus) facts.Container {
	c := facts.Container{
		Name: name, Kind: kind, Request: memory(r.Requests), Limit: memory(r.Limits),
		CPURequest: r.Requests.Cpu().MilliValue(), CPULimit: r.Limits.Cpu().MilliValue(),
	}
	if s == nil {
		return c
	}
	if r := s.State.Running; r != nil {
		c.Running = true
		if !r.StartedAt.IsZero() {
			c.Started = r.StartedAt.UnixNano()
		}
	}
	if s.Resources != nil && s.Resources.Limits != nil {
		c.Limit = memory(s.Resources.Limits) // as actuated, after an in-place resize
	}
	return c
}

func sandboxReady(p *corev1.Pod) bool {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == corev1.PodReadyToStartContainers {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// WorkloadOf names the controller of a pod; for a Deployment's ReplicaSet, the Deployment.
func WorkloadOf(p metav1.Object) facts.Workload {
	owner := metav1.GetControllerOf(p)
	if owner == nil {
		return facts.Workload{}
	}
	if hash := p.GetLabels()[labelPodTemplateHash]; owner.Kind == "ReplicaSet" && hash != "" {
		if name, ok := strings.CutSuffix(owner.Name, "-"+hash); ok {
			return facts.Workload{Kind: "Deployment", Name: intern(shortened(name))}
		}
	}
	return facts.Workload{Kind: intern(shortened(owner.Kind)), Name: intern(shortened(owner.Name))}
}
