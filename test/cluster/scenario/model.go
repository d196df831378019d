package scenario

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Model is a scenario ready for use: every node with its pods.
type Model struct {
	Seed            uint64
	Namespaces      []Namespace
	PriorityClasses []PriorityClass
	Nodes           []*Node
	// Pods is the number of pods on all nodes.
	Pods int
	// Ran is how long the nodes and pods have run when memory begins to change.
	Ran time.Duration
}

// Namespace is created before anything else.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// PriorityClass is created if it does not exist (the system's classes exist).
type PriorityClass struct {
	Name  string
	Value int32
}

// NodeClass is what the nodes of one entry have in common.
type NodeClass struct {
	Labels      map[string]string
	Capacity    corev1.ResourceList
	Allocatable corev1.ResourceList
	// Swap is the size of the node's swap, in bytes.
	Swap        int64
	OS, Runtime string
	Kubelet     Kubelet
	System      System
}

// MemoryCapacity is all memory of the node, in bytes.
func (c *NodeClass) MemoryCapacity() int64 { return c.Capacity.Memory().Value() }

// Hugepages is the memory set aside for huge pages, in bytes.
func (c *NodeClass) Hugepages() int64 {
	var sum int64
	for name, quantity := range c.Capacity {
		if isHugepages(name) {
			sum += quantity.Value()
		}
	}
	return sum
}

// Kubelet is the configuration that /configz shows. Quantities are text, as in
// /configz.
type Kubelet struct {
	Version                      string
	EvictionHard                 map[string]string
	EvictionSoft                 map[string]string
	EvictionSoftGracePeriod      map[string]string
	EvictionMinimumReclaim       map[string]string
	MergeDefaultEvictionSettings bool
	KubeReserved, SystemReserved map[string]string
	EnforceNodeAllocatable       []string
	SwapBehavior                 string
	SingleProcessOOMKill         *bool
	Unreachable                  bool
	// Reserved is kubeReserved plus systemReserved memory, in bytes.
	Reserved int64
}

// System is the memory used outside the pods.
type System struct{ Kubelet, Runtime, Other Curve }

// Node is one simulated node.
type Node struct {
	Name  string
	Class *NodeClass
	// Index counts the nodes of the model from 0.
	Index int
	Pods  []*Pod
	// UID is the UID of the Node object; the loader sets the UID.
	UID string
}

// PodClass is what the pods of one entry have in common.
type PodClass struct {
	Name, Namespace, Owner string
	On                     []string
	PerNode                int
	Labels, Annotations    map[string]string
	PriorityClass          string
	Resources              *corev1.ResourceRequirements
	Containers             []Container
	State                  State
	GracePeriod            *int64
	// TemplateHash is the value of the label pod-template-hash.
	TemplateHash string
}

// Container is a container of a PodClass.
type Container struct {
	Name, Image string
	Sidecar     bool
	Resources   corev1.ResourceRequirements
	Usage       Curve
	// RSS is the anonymous part of the working set, 0 to 1.
	RSS float64
	// Swap is the container's memory that is swapped out, in bytes.
	Swap int64
	// CPU is the container's constant CPU usage, in cores.
	CPU        float64
	Unmeasured bool
}

// Pod is one simulated pod, bound to its node.
type Pod struct {
	Name  string
	Class *PodClass
	Node  *Node
	// Index counts the pods of the model from 0.
	Index int
	// UID is the UID by which the kubelet knows the pod; the loader sets the UID.
	UID string
}

// State is how far a pod has come.
type State string

// The states a pod of a scenario can be in. Only running pods use memory.
const (
	Running           State = "Running"
	ContainerCreating State = "ContainerCreating"
	ImagePullBackOff  State = "ImagePullBackOff"
	CrashLoopBackOff  State = "CrashLoopBackOff"
	Succeeded         State = "Succeeded"
)

// WorkingSet returns the bytes that container i of the pod uses.
func (p *Pod) WorkingSet(i int, elapsed time.Duration) int64 {
	return p.Class.Containers[i].Usage.At(elapsed, uint64(p.Index)<<8|uint64(i))
}

// SystemWorkingSet returns the bytes used outside the node's pods.
func (n *Node) SystemWorkingSet(elapsed time.Duration) (kubelet, runtime, other int64) {
	s, key := n.Class.System, 1<<63|uint64(n.Index)<<8
	return s.Kubelet.At(elapsed, key), s.Runtime.At(elapsed, key+1), s.Other.At(elapsed, key+2)
}

// Settled returns the time from the start until all growing or shrinking memory
// has reached its last amount.
func (m *Model) Settled() time.Duration {
	settled := time.Duration(0)
	for _, n := range m.Nodes {
		curves := []Curve{n.Class.System.Kubelet, n.Class.System.Runtime, n.Class.System.Other}
		for _, p := range n.Pods {
			for i := range p.Class.Containers {
				curves = append(curves, p.Class.Containers[i].Usage)
			}
		}
		for _, c := range curves {
			if c.From != c.To {
				settled = max(settled, c.After+c.Over)
			}
		}
	}
	return settled
}
