package app

import (
	"slices"
	"strings"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/extract"
)

// Bounds of what the cache keeps of one Node. A kubelet writes most of its Node itself, so a compromised one may write
// as much as the API server takes.
const (
	maxNodeLabels      = 128
	maxNodeAddresses   = 32
	maxNodeTaints      = 64
	maxNodeConditions  = 64
	maxNodeAnnotations = 32
	maxNodeResources   = 32
	// maxNodeText bounds, in bytes, the texts that the API server does not bound itself.
	maxNodeText = 256
)

// stripNode keeps of a Node what extract and forensics read, in about a kilobyte: images and annotations are most of a
// Node.
func stripNode(object any) (any, error) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return object, nil
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion,
			CreationTimestamp: node.CreationTimestamp, DeletionTimestamp: node.DeletionTimestamp,
			Labels:      bounded(node.Labels, maxNodeLabels, func(string) bool { return true }),
			Annotations: bounded(node.Annotations, maxNodeAnnotations, extract.ReadsAnnotation),
		},
		Spec: corev1.NodeSpec{Taints: taints(node.Spec.Taints), Unschedulable: node.Spec.Unschedulable},
		Status: corev1.NodeStatus{
			Capacity: memoryOnly(node.Status.Capacity), Allocatable: memoryOnly(node.Status.Allocatable),
			NodeInfo: nodeInfo(node.Status.NodeInfo), Addresses: addresses(node.Status.Addresses),
			DaemonEndpoints: node.Status.DaemonEndpoints, Conditions: conditions(node.Status.Conditions),
		},
	}, nil
}

// conditions are without their messages and heartbeats: a heartbeat would make each Node a new one every few seconds,
// and forensics reads type, status, reason and since when.
func conditions(all []corev1.NodeCondition) []corev1.NodeCondition {
	kept := make([]corev1.NodeCondition, min(len(all), maxNodeConditions))
	for i := range kept {
		c := &all[i]
		kept[i] = corev1.NodeCondition{
			Type: corev1.NodeConditionType(shared(string(c.Type))), Status: corev1.ConditionStatus(shared(string(c.Status))),
			Reason: shared(c.Reason), LastTransitionTime: c.LastTransitionTime,
		}
	}
	return kept
}

func taints(all []corev1.Taint) []corev1.Taint {
	if len(all) == 0 {
		return nil
	}
	kept := make([]corev1.Taint, min(len(all), maxNodeTaints))
	for i := range kept {
		t := &all[i]
		kept[i] = corev1.Taint{
			Key: shared(t.Key), Value: shared(t.Value), Effect: corev1.TaintEffect(shared(string(t.Effect))), TimeAdded: t.TimeAdded,
		}
	}
	return kept
}

// memoryOnly leaves out resources other than memory and huge pages: CPUs, devices, and whatever extended resources a
// node has. No architecture has more than a handful of sizes of huge pages.
func memoryOnly(all corev1.ResourceList) corev1.ResourceList {
	kept := corev1.ResourceList{}
	for name, q := range all {
		hugepages := strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
		if name == corev1.ResourceMemory || (hugepages && len(kept) < maxNodeResources) {
			kept[name] = q
		}
	}
	return kept
}

// bounded returns the wanted entries with their values cut, at most n of them in the order of their keys.
func bounded(all map[string]string, n int, wanted func(key string) bool) map[string]string {
	keys := make([]string, 0, len(all))
	for key := range all {
		if wanted(key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	slices.Sort(keys)
	kept := make(map[string]string, min(len(keys), n))
	for _, key := range keys[:min(len(keys), n)] {
		kept[shared(key)] = shared(all[key])
	}
	return kept
}

func addresses(all []corev1.NodeAddress) []corev1.NodeAddress {
	kept := make([]corev1.NodeAddress, min(len(all), maxNodeAddresses))
	for i := range kept {
		kept[i] = corev1.NodeAddress{Type: corev1.NodeAddressType(shared(string(all[i].Type))), Address: shared(all[i].Address)}
	}
	return kept
}

func nodeInfo(i corev1.NodeSystemInfo) corev1.NodeSystemInfo {
	for _, text := range []*string{
		&i.MachineID, &i.SystemUUID, &i.BootID, &i.KernelVersion, &i.OSImage, &i.ContainerRuntimeVersion, &i.KubeletVersion,
		&i.KubeProxyVersion, &i.OperatingSystem, &i.Architecture, //nolint:staticcheck // KubeProxyVersion is cut too, not read
	} {
		*text = shared(*text)
	}
	return i
}

// shared cuts a text to maxNodeText bytes and returns one copy for all Nodes that have the same.
func shared(text string) string {
	return unique.Make(strings.ToValidUTF8(text[:min(len(text), maxNodeText)], "")).Value()
}
