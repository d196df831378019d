package snapshot

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/extract"
)

// eachContainerName calls f with every container's name in a pod, in spec and status.
func eachContainerName(p *corev1.Pod, f func(name *string)) {
	for _, all := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range all {
			f(&all[i].Name)
		}
	}
	for i := range p.Spec.EphemeralContainers {
		f(&p.Spec.EphemeralContainers[i].Name)
	}
	for _, all := range statuses(p) {
		for i := range all {
			f(&all[i].Name)
		}
	}
}

func statuses(p *corev1.Pod) [][]corev1.ContainerStatus {
	return [][]corev1.ContainerStatus{
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses,
	}
}

// pod returns the part of a pod that the orders, findings and diagnoses rest on, renamed. Of what a message says, the words
// that deaths are told by are left.
func (r *redaction) pod(p *corev1.Pod) corev1.Pod {
	workload := extract.WorkloadOf(p)
	out := slimPod(p)
	name := r.pods.of(p.Name)
	out.ObjectMeta = metav1.ObjectMeta{
		Name: name, Namespace: r.namespaces.of(p.Namespace), UID: r.uid(p.Namespace, p.Name, p.UID),
		ResourceVersion: p.ResourceVersion, CreationTimestamp: p.CreationTimestamp,
		DeletionTimestamp: p.DeletionTimestamp, DeletionGracePeriodSeconds: p.DeletionGracePeriodSeconds,
		Labels: r.keep(p.Labels), Annotations: redactAnnotations(out.Annotations),
	}
	if workload.Name != "" {
		out.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: "v1", Kind: commonKind(workload.Kind), Name: r.workloads.of(workload.Name), Controller: new(true),
		}}
	}
	out.Spec.NodeName = r.nodes.of(p.Spec.NodeName)
	out.Spec.PriorityClassName = r.classes.of(p.Spec.PriorityClassName)
	out.Spec.Volumes = nil
	out.Spec.Overhead = commonResources(out.Spec.Overhead)
	redactResources(out.Spec.Resources)
	for _, all := range [][]corev1.Container{out.Spec.InitContainers, out.Spec.Containers} {
		for i := range all {
			all[i].VolumeMounts = nil
			redactResources(&all[i].Resources)
		}
	}
	for i := range out.Spec.EphemeralContainers {
		out.Spec.EphemeralContainers[i].TargetContainerName = ""
		redactResources(&out.Spec.EphemeralContainers[i].Resources)
	}
	out.Status = r.status(&out.Status)
	eachContainerName(out, func(name *string) { *name = r.containers.of(*name) })
	return *out
}

// redactAnnotations leaves what a rule reads, and of a reason for ignoring a finding that there is one.
func redactAnnotations(all map[string]string) map[string]string {
	const until = "until 2027-01-31: "
	kept := maps.Clone(all)
	for key, value := range kept {
		kept[key] = "redacted"
		if strings.HasPrefix(value, "until ") && len(value) >= len(until) {
			kept[key] = value[:len(until)] + "redacted"
		}
	}
	return kept
}

// commonKind returns the kind of a workload that Kubernetes has itself, "Workload" for others.
func commonKind(kind string) string {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "Node":
		return kind
	}
	return "Workload"
}

// commonResources leaves out extended resources, whose names are their vendors'.
func commonResources(all corev1.ResourceList) corev1.ResourceList {
	return only(all, func(name corev1.ResourceName) bool {
		switch name {
		case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage, corev1.ResourcePods:
			return true
		}
		return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
	})
}

func redactResources(r *corev1.ResourceRequirements) {
	if r == nil {
		return
	}
	r.Claims, r.Requests, r.Limits = nil, commonResources(r.Requests), commonResources(r.Limits)
}

func (r *redaction) status(s *corev1.PodStatus) corev1.PodStatus {
	reason := s.Reason
	if reason != "" {
		reason = reasonOf(reason)
	}
	out := corev1.PodStatus{
		Phase: s.Phase, Reason: reason, Message: r.text(s.Message), QOSClass: s.QOSClass, StartTime: s.StartTime,
		AllocatedResources: commonResources(s.AllocatedResources), Resources: s.Resources,
		InitContainerStatuses:      r.statuses(s.InitContainerStatuses),
		ContainerStatuses:          r.statuses(s.ContainerStatuses),
		EphemeralContainerStatuses: r.statuses(s.EphemeralContainerStatuses),
	}
	redactResources(out.Resources)
	out.NodeAllocatableResourceClaimStatuses = r.claims(s.NodeAllocatableResourceClaimStatuses)
	for _, c := range s.Conditions {
		if strings.ContainsAny(string(c.Type), "./") {
			continue // of a readiness gate
		}
		if c.Message = r.text(c.Message); c.Type != corev1.DisruptionTarget {
			c.Message = ""
		}
		out.Conditions = append(out.Conditions, c)
	}
	return out
}

func (r *redaction) statuses(all []corev1.ContainerStatus) (out []corev1.ContainerStatus) {
	for i := range all {
		s := &all[i]
		redactResources(s.Resources)
		out = append(out, corev1.ContainerStatus{
			Name: s.Name, State: r.state(s.State), LastTerminationState: r.state(s.LastTerminationState),
			Ready: s.Ready, RestartCount: s.RestartCount, Started: s.Started,
			AllocatedResources: commonResources(s.AllocatedResources), Resources: s.Resources,
		})
	}
	return out
}

func (r *redaction) state(s corev1.ContainerState) corev1.ContainerState {
	if s.Waiting != nil {
		s.Waiting = &corev1.ContainerStateWaiting{Reason: s.Waiting.Reason}
	}
	if t := s.Terminated; t != nil {
		s.Terminated = &corev1.ContainerStateTerminated{
			ExitCode: t.ExitCode, Signal: t.Signal, Reason: t.Reason, StartedAt: t.StartedAt, FinishedAt: t.FinishedAt,
			ContainerID: r.id(t.ContainerID),
		}
	}
	return s
}

// claims keeps the memory of resource claims, without the claims' names.
func (r *redaction) claims(all []corev1.NodeAllocatableResourceClaimStatus) (out []corev1.NodeAllocatableResourceClaimStatus) {
	for i := range all {
		kept := corev1.NodeAllocatableResourceClaimStatus{ResourceClaimName: fmt.Sprintf("claim-%d", i+1)}
		for _, name := range all[i].Containers {
			kept.Containers = append(kept.Containers, r.containers.of(name))
		}
		for _, m := range all[i].Mapping {
			if m.Name == corev1.ResourceMemory {
				kept.Mapping = append(kept.Mapping, m)
			}
		}
		for _, o := range all[i].Overhead {
			if o.Name == corev1.ResourceMemory {
				kept.Overhead = append(kept.Overhead, o)
			}
		}
		out = append(out, kept)
	}
	return out
}
