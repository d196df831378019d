// Package manifest reads Kubernetes manifests before they are deployed: workloads and the pods that they would make, with
// the lines where they stand. What an API server adds on the way (priorities, LimitRanges' defaults, the QoS class) is added
// here as far as the manifests themselves say it.
package manifest

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/killorder/killorder/internal/extract"
)

// Manifests are what was read.
type Manifests struct {
	// Workloads in the order of their files and documents.
	Workloads []Workload
	// Namespaces are the labels of the Namespaces among the manifests.
	Namespaces map[string]labels.Set
	// Policy is the KillOrderPolicy among the manifests, else the default.
	Policy *extract.Policy
	// DefaultClass: a PriorityClass among the manifests is the global default.
	DefaultClass bool
	// Notes say, a line each, what was left out and why.
	Notes []string
}

// Workload is one object that makes pods.
type Workload struct {
	Kind, Namespace, Name string
	// File as the user named it, and Line of the object in it, from 1.
	File string
	Line int
	// Pod is one that the object makes, as an API server would store it before it is bound to a node.
	Pod *corev1.Pod
	// PriorityUnknown: the pod names a PriorityClass that is not among the manifests.
	PriorityUnknown string
	// PriorityGiven: the pod's template has a priority in figures.
	PriorityGiven bool
	// NamespaceAssumed: the object names no namespace, and Namespace is "default".
	NamespaceAssumed bool
	// Replicas that the object asks for; -1 if it does not say, or if its kind has none.
	Replicas int32
	// Annotations of the object itself, besides those of its pods.
	Annotations map[string]string

	lines lines
}

// LineOf a container, or of its resources where it has any; of the pod's spec for "".
func (w *Workload) LineOf(container string) int {
	if line, ok := w.lines[container]; ok {
		return line
	}
	return w.Line
}

// HasContainer reports whether the pod has a container or an init container of that name.
func (w *Workload) HasContainer(name string) bool {
	named := func(c corev1.Container) bool { return c.Name == name }
	return slices.ContainsFunc(w.Pod.Spec.Containers, named) || slices.ContainsFunc(w.Pod.Spec.InitContainers, named)
}

// NamespaceLabels returns the labels of a namespace; of one that is not among the manifests, the label that every namespace
// has: its name.
func (m *Manifests) NamespaceLabels(name string) labels.Labels {
	if l, ok := m.Namespaces[name]; ok {
		return l
	}
	return labels.Set{corev1.LabelMetadataName: name}
}
