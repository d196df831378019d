package facts

import (
	"cmp"
	"strings"
)

// CompareNames orders pods by namespace, name and UID: the last key of every order, so that each order is total.
func CompareNames(a, b *Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
}

// SamePod reports whether two pods are the same one. A UID alone does not tell: pods of hand-written files may have none.
func SamePod(a, b *Pod) bool { return a == b || CompareNames(a, b) == 0 }

// PodOf returns the node's pod of that UID, nil if there is none.
func (n *Node) PodOf(uid string) *PodState {
	for i := range n.Pods {
		if n.Pods[i].UID == uid {
			return &n.Pods[i]
		}
	}
	return nil
}

// PodKey names a pod among those that live at one moment.
type PodKey struct{ Namespace, Name string }

func (k PodKey) String() string { return k.Namespace + "/" + k.Name }

// ContainerKey names a container of a pod among those that live at one moment, or, with an empty Container, the pod as a whole.
type ContainerKey struct{ Namespace, Pod, Container string }

// BareID is a container's ID as the API has it, without the name of the runtime before it.
func BareID(id string) string {
	if _, bare, ok := strings.Cut(id, "://"); ok {
		return bare
	}
	return id
}

// ShortID is the beginning of a container's ID that NodeKillOrders show: 12 digits, without the name of the runtime.
func ShortID(id string) string {
	id = BareID(id)
	return id[:min(len(id), 12)]
}

// TrueFirst compares two answers of yes and no: yes is less than no.
func TrueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// SystemClasses returns the values of the PriorityClasses that exist in every cluster, by name
// (pkg/apis/scheduling/types.go of Kubernetes v1.37.2).
func SystemClasses() map[string]int32 {
	return map[string]int32{"system-cluster-critical": SystemCriticalPriority, "system-node-critical": SystemCriticalPriority + 1000}
}

// WorkloadKey names a workload in a namespace, or a pod without one (its kind is then "Pod").
type WorkloadKey struct {
	Namespace string
	Workload
}

// Key of the workload behind the pod, or of the pod itself where there is none.
func (p *Pod) Key() WorkloadKey {
	if p.Workload == (Workload{}) {
		return WorkloadKey{p.Namespace, Workload{Kind: "Pod", Name: p.Name}}
	}
	return WorkloadKey{p.Namespace, p.Workload}
}

// SameWorkload reports whether two pods are replicas of one workload, or the same pod.
func SameWorkload(a, b *Pod) bool {
	if a.Workload == (Workload{}) || b.Workload == (Workload{}) {
		return SamePod(a, b)
	}
	return a.Namespace == b.Namespace && a.Workload == b.Workload
}
