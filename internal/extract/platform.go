package extract

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
)

// Marks of what a node is.
const (
	LabelNodeType        = "type"               // kwok, virtual-kubelet
	LabelLiqoType        = "liqo.io/type"       // virtual-node
	AnnotationKWOK       = "kwok.x-k8s.io/node" // the annotation's presence counts
	taintVirtualKubelet  = "virtual-kubelet.io/"
	LabelEKSCompute      = "eks.amazonaws.com/compute-type" // fargate
	labelPrefixOpenShift = "node.openshift.io/"
	labelPrefixAKS       = "kubernetes.azure.com/"
	labelPrefixEKS       = "eks.amazonaws.com/"
	labelPrefixGKE       = "cloud.google.com/gke-"
)

// virtual says what runs the pods of a node that has no kubelet of its own, "" for a real node.
func virtual(n *corev1.Node) string {
	version := strings.ToLower(n.Status.NodeInfo.KubeletVersion)
	_, kwok := n.Annotations[AnnotationKWOK]
	switch {
	case kwok || n.Labels[LabelNodeType] == "kwok" || strings.Contains(version, "kwok") || version == "fake":
		return "KWOK simulates the node: no kubelet and no kernel run its pods"
	case n.Labels[LabelLiqoType] == "virtual-node":
		return "Liqo runs the node's pods in another cluster"
	case n.Labels[LabelNodeType] == "virtual-kubelet", strings.Contains(version, "virtual-kubelet"), strings.Contains(version, "-vk-"),
		slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return strings.HasPrefix(t.Key, taintVirtualKubelet) }):
		return "a virtual kubelet runs its pods elsewhere"
	}
	return ""
}

// operatingSystem of the node in lower case, "" if the node does not say.
func operatingSystem(n *corev1.Node) string {
	if os := n.Status.NodeInfo.OperatingSystem; os != "" {
		return strings.ToLower(os)
	}
	return strings.ToLower(n.Labels[corev1.LabelOSStable])
}

// platform notes what governs the node's memory: which kernel, which kubelet, who sets reservations.
func platform(f *facts.Node, n *corev1.Node) {
	os := operatingSystem(n)
	f.DefaultEvictionHard = facts.LinuxEvictionHard
	switch why := virtual(n); {
	case why != "":
		f.Virtual, f.NotLinux = true, why
	case os == "windows":
		f.NotLinux, f.DefaultEvictionHard = "Windows has no OOM killer: an allocation beyond a limit fails", facts.WindowsEvictionHard
	case os != "" && os != "linux":
		f.NotLinux = fmt.Sprintf("the operating system is %s", printable(os, maxName))
	}
	f.Linux = f.NotLinux == ""
	f.DroppedBy = dropsDefault(n.Status.NodeInfo.KubeletVersion)
	if f.DroppedBy != "" {
		f.DefaultEvictionHard = 0
	}
	f.Provider = provider(n.Labels)
}

// dropsDefault names the distribution that sets evictionHard without memory.available, "" for others: k3s and RKE2 pass
// eviction-hard=imagefs.available<5%,nodefs.available<5% to every kubelet (pkg/daemons/agent/agent_linux.go of k3s), which
// drops the kubelet's default for memory.
func dropsDefault(kubeletVersion string) string {
	switch {
	case strings.Contains(kubeletVersion, "+k3s"):
		return "k3s"
	case strings.Contains(kubeletVersion, "+rke2"):
		return "RKE2"
	}
	return ""
}

// provider tells from a node's labels how its reservations are set.
func provider(labels map[string]string) facts.Provider {
	if labels[LabelEKSCompute] == "fargate" {
		return facts.NoReservations
	}
	for key := range labels {
		for _, prefix := range []string{labelPrefixOpenShift, labelPrefixAKS, labelPrefixEKS, labelPrefixGKE} {
			if strings.HasPrefix(key, prefix) {
				return facts.OneReservation
			}
		}
	}
	return facts.SelfManaged
}
