package kubelet

import (
	corev1 "k8s.io/api/core/v1"
)

// Node is one random node: what its pods' owners asked for and what became of it, before anybody judges.
// Memory is in bytes.
type Node struct {
	Name                  string
	Capacity, Allocatable int64
	// CRIO: the container runtime is cri-o in place of containerd.
	CRIO bool
	// MetricsAPI: killorder's readings come from metrics.k8s.io in place of the Summary API.
	MetricsAPI bool
	// AllocatableSignal: the kubelet evicts for allocatableMemory.available in place of memory.available.
	AllocatableSignal bool
	// Watched: killorder has followed the pods through the operator's cache, in place of reading them once.
	Watched bool
	Pods    []Pod
	// LeftOut counts pods of which the API server does not say what the kubelet goes by; see unknowable.
	LeftOut int
}

// Pod is one pod of a Node.
type Pod struct {
	// Manifest as its owner wrote it.
	Manifest corev1.Pod
	// Resize is the Manifest with the resources that its owner asked for later, nil if it was not resized.
	Resize *corev1.Pod
	// ResizeAllocated: the kubelet has granted the resize, and the containers have started since, unless they are
	// RunningSince before. Only who watched can tell then what they were started with.
	ResizeAllocated, RunningSince bool
	// Aged pods were created when the cluster was one minor older.
	Aged bool
	// Static pods come from a file on the node.
	Static bool
	// Unreported: the kubelet reports no resources of the containers, as where in-place resize is off (before 1.33).
	Unreported bool
	// Phase in the status.
	Phase corev1.PodPhase
	// Terminating: being deleted.
	Terminating bool
	// Sandbox: the pod's sandbox is ready.
	Sandbox bool
	// Containers by name; those not named were never created.
	Containers map[string]State
	// Ephemeral containers by name, all of them running.
	Ephemeral []string
	// WorkingSet of the pod, if the kubelet has stats.
	WorkingSet int64
	// Traits for the count of what was covered.
	Traits []string
}

// State of a container.
type State string

// The states of containers. Unborn: never created, because an image is missing or an init container still runs.
const (
	Unborn     State = ""
	Running    State = "running"
	Terminated State = "terminated"
	BackOff    State = "back-off"
)

// HasStats reports whether the kubelet has stats for the pod: with containerd it takes a running container
// (pkg/kubelet/stats/cri_stats_provider.go), with cri-o a sandbox (cadvisor_stats_provider.go).
func (p *Pod) HasStats(crio bool) bool {
	return len(p.Running()) > 0 || (crio && p.Sandbox)
}

// Running names the pod's running containers, in the order of the spec.
func (p *Pod) Running() (names []string) {
	spec := &p.Manifest.Spec
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			if p.Containers[list[i].Name] == Running {
				names = append(names, list[i].Name)
			}
		}
	}
	return append(names, p.Ephemeral...)
}

// Finished reports whether the pod has run its course.
func (p *Pod) Finished() bool { return p.Phase == corev1.PodSucceeded || p.Phase == corev1.PodFailed }
