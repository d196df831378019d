package scenario

import (
	"fmt"
	"hash/fnv"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// NodeObject is the Node as its kubelet would register it, reachable at
// address:port and started at the given time.
func NodeObject(n *Node, address string, port int32, started time.Time) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: nodeLabels(n)},
		Spec:       corev1.NodeSpec{ProviderID: "simulated://" + n.Name},
		Status: corev1.NodeStatus{
			Capacity:    n.Class.Capacity,
			Allocatable: n.Class.Allocatable,
			Conditions:  nodeConditions(metav1.NewTime(started)),
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: address},
				{Type: corev1.NodeHostName, Address: n.Name},
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: port}},
			NodeInfo:        nodeInfo(n),
		},
	}
}

func nodeLabels(n *Node) map[string]string {
	labels := map[string]string{
		corev1.LabelHostname:   n.Name,
		corev1.LabelOSStable:   n.Class.OS,
		corev1.LabelArchStable: "amd64",
	}
	maps.Copy(labels, n.Class.Labels)
	return labels
}

func nodeConditions(now metav1.Time) []corev1.NodeCondition {
	const yes, no = corev1.ConditionTrue, corev1.ConditionFalse
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{
			Type: kind, Status: status, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now,
		}
	}
	return []corev1.NodeCondition{
		condition(corev1.NodeMemoryPressure, no, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		condition(corev1.NodeDiskPressure, no, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		condition(corev1.NodePIDPressure, no, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
		condition(corev1.NodeReady, yes, "KubeletReady", "kubelet is posting ready status"),
	}
}

func nodeInfo(n *Node) corev1.NodeSystemInfo {
	id := StableUID("machine", n.Name)
	info := corev1.NodeSystemInfo{
		MachineID: id, SystemUUID: id, BootID: StableUID("boot", n.Name),
		KernelVersion:           "6.12.0",
		OSImage:                 "Simulated Linux",
		OperatingSystem:         n.Class.OS,
		Architecture:            "amd64",
		ContainerRuntimeVersion: n.Class.Runtime,
		KubeletVersion:          n.Class.Kubelet.Version,
	}
	if n.Class.Swap > 0 {
		info.Swap = &corev1.NodeSwapStatus{Capacity: &n.Class.Swap}
	}
	return info
}

// PodObject is the Pod as a scheduler would have bound it. The Pod has no status,
// because the API server drops the status of a new pod.
func PodObject(p *Pod) *corev1.Pod {
	class := p.Class
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: p.Name, Namespace: class.Namespace,
			Labels:          podLabels(p),
			Annotations:     podAnnotations(p),
			OwnerReferences: ownerReferences(p),
		},
		Spec: corev1.PodSpec{
			NodeName:                      p.Node.Name,
			PriorityClassName:             class.PriorityClass,
			Resources:                     class.Resources,
			TerminationGracePeriodSeconds: class.GracePeriod,
			RestartPolicy:                 corev1.RestartPolicyAlways,
		},
	}
	if class.Owner == "Job" {
		pod.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
	}
	for i := range class.Containers {
		addContainer(&pod.Spec, &class.Containers[i])
	}
	return pod
}

func addContainer(spec *corev1.PodSpec, c *Container) {
	container := corev1.Container{Name: c.Name, Image: c.Image, Resources: c.Resources}
	if !c.Sidecar {
		spec.Containers = append(spec.Containers, container)
		return
	}
	always := corev1.ContainerRestartPolicyAlways
	container.RestartPolicy = &always
	spec.InitContainers = append(spec.InitContainers, container)
}

func podLabels(p *Pod) map[string]string {
	labels := map[string]string{"app.kubernetes.io/name": p.Class.Name}
	if p.Class.Owner == "Deployment" {
		labels["pod-template-hash"] = p.Class.TemplateHash
	}
	maps.Copy(labels, p.Class.Labels)
	return labels
}

// podAnnotations marks the mirror pods of static pods as the kubelet does.
func podAnnotations(p *Pod) map[string]string {
	if p.Class.Owner != "Node" {
		return p.Class.Annotations
	}
	annotations := map[string]string{
		"kubernetes.io/config.source": "file",
		"kubernetes.io/config.hash":   staticUID(p),
		corev1.MirrorPodAnnotationKey: staticUID(p),
	}
	maps.Copy(annotations, p.Class.Annotations)
	return annotations
}

// staticUID is the UID by which the kubelet knows a static pod. A real kubelet
// takes a hash of the pod's file, not the UID of the mirror pod. A simulated pod
// has no file, so its UID is a hash of namespace and name.
func staticUID(p *Pod) string {
	h := fnv.New128a()
	fmt.Fprintf(h, "%s/%s", p.Class.Namespace, p.Name)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// ownerReferences point at the controller that would have made the pod. The
// controllers themselves do not exist; nobody deletes the pods for this reason,
// because the cluster runs no garbage collector.
func ownerReferences(p *Pod) []metav1.OwnerReference {
	apiVersion, kind, name := "apps/v1", p.Class.Owner, p.Class.Name
	uid := StableUID(kind, p.Class.Namespace, name)
	switch kind {
	case "":
		return nil
	case "Deployment":
		kind, name = "ReplicaSet", name+"-"+p.Class.TemplateHash
		uid = StableUID(kind, p.Class.Namespace, name)
	case "Job":
		apiVersion = "batch/v1"
	case "Node":
		apiVersion, name, uid = "v1", p.Node.Name, p.Node.UID
	}
	yes := true
	return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, UID: types.UID(uid), Controller: &yes}}
}

// StableUID makes the same UID from the same words.
func StableUID(words ...string) string {
	h := fnv.New128a()
	for _, w := range words {
		fmt.Fprintf(h, "%s/", w)
	}
	x := h.Sum(nil)
	return fmt.Sprintf("%x-%x-%x-%x-%x", x[0:4], x[4:6], x[6:8], x[8:10], x[10:16])
}

// KubeletUID is the UID of a pod in the kubelet's stats: objectUID, the UID of the
// Pod object, unless the pod is the mirror of a static pod.
func KubeletUID(p *Pod, objectUID types.UID) string {
	if p.Class.Owner == "Node" {
		return staticUID(p)
	}
	return string(objectUID)
}
