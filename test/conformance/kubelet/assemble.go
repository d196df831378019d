package kubelet

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// now is the moment of all nodes.
var now = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// kubeletPod is the pod as the kubelet has allocated it.
func kubeletPod(p *Pod, a *wire.Admitted[corev1.Pod]) *wire.Stored[corev1.Pod] {
	switch {
	case p.Static:
		return a.Static
	case a.Resized != nil && p.ResizeAllocated:
		return a.Resized
	}
	return &a.Created
}

// desired is the pod as the API server has it, with all that its owner asked for.
func desired(a *wire.Admitted[corev1.Pod]) *corev1.Pod {
	if a.Resized != nil {
		return a.Resized.Pod.DeepCopy()
	}
	return a.Created.Pod.DeepCopy()
}

// apiObject is the pod as a client of the API server sees it.
func apiObject(p *Pod, a *wire.Admitted[corev1.Pod]) *corev1.Pod {
	o := desired(a)
	allocated := kubeletPod(p, a)
	o.Status.Phase = p.Phase
	if p.Terminating {
		deleted := metav1.NewTime(now.Add(-5 * time.Second))
		o.DeletionTimestamp = &deleted
	}
	ready := corev1.ConditionFalse
	if p.Sandbox {
		ready = corev1.ConditionTrue
	}
	o.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReadyToStartContainers, Status: ready}}
	o.Status.InitContainerStatuses = statuses(p, allocated.Pod.Spec.InitContainers)
	o.Status.ContainerStatuses = statuses(p, allocated.Pod.Spec.Containers)
	addEphemeral(p, o)
	for name, amount := range allocated.AllocatedResources {
		if o.Status.AllocatedResources == nil {
			o.Status.AllocatedResources = corev1.ResourceList{}
		}
		o.Status.AllocatedResources[corev1.ResourceName(name)] = resource.MustParse(amount)
	}
	if o.Status.AllocatedResources != nil {
		o.Status.Resources = statusResources(p.Phase, allocated, o.Status.AllocatedResources)
	}
	return o
}

// statusResources has the overhead in it, but for a memory request of a running pod's own
// (pkg/kubelet/kubelet_pods.go convertToAPIPodLevelResourcesStatus). Limits are the cgroup's; there is none here.
func statusResources(phase corev1.PodPhase, s *wire.Stored[corev1.Pod], allocated corev1.ResourceList) *corev1.ResourceRequirements {
	r := &corev1.ResourceRequirements{Requests: allocated.DeepCopy()}
	if phase != corev1.PodRunning || s.Pod.Spec.Resources == nil {
		return r
	}
	if own, set := s.Pod.Spec.Resources.Requests[corev1.ResourceMemory]; set {
		r.Requests[corev1.ResourceMemory] = own
	}
	return r
}

// beforeResize is what apiObject was before the pod was resized. Containers that do not run since then were others.
func beforeResize(p *Pod, a *wire.Admitted[corev1.Pod]) *corev1.Pod {
	o := apiObject(p, &wire.Admitted[corev1.Pod]{Created: a.Created, Static: a.Static})
	if !p.ResizeAllocated || p.RunningSince {
		return o
	}
	earlier := metav1.NewTime(now.Add(-2 * time.Hour))
	s := &o.Status
	for _, list := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses, s.EphemeralContainerStatuses} {
		for i := range list {
			if r := list[i].State.Running; r != nil {
				r.StartedAt = earlier
			}
		}
	}
	return o
}

// statuses of the containers as allocated. The kubelet reports resources of those it has created
// (pkg/kubelet/kubelet_pods.go convertToAPIContainerStatuses).
func statuses(p *Pod, allocated []corev1.Container) (all []corev1.ContainerStatus) {
	for i := range allocated {
		c := &allocated[i]
		s := corev1.ContainerStatus{Name: c.Name, Image: c.Image, State: containerState(p.Containers[c.Name])}
		if p.Containers[c.Name] != Unborn && !p.Unreported {
			s.AllocatedResources, s.Resources = c.Resources.Requests.DeepCopy(), c.Resources.DeepCopy()
		}
		all = append(all, s)
	}
	return all
}

func containerState(s State) corev1.ContainerState {
	switch s {
	case Running:
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now.Add(-time.Hour))}}
	case Terminated:
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}
	case BackOff:
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	}
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
}

func addEphemeral(p *Pod, o *corev1.Pod) {
	for _, name := range p.Ephemeral {
		o.Spec.EphemeralContainers = append(o.Spec.EphemeralContainers, corev1.EphemeralContainer{
			EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: name, Image: "image"},
		})
		o.Status.EphemeralContainerStatuses = append(o.Status.EphemeralContainerStatuses,
			corev1.ContainerStatus{Name: name, Image: "image", State: containerState(Running)})
	}
}

// question is what the kubelet knows of the same pods.
func question(n *Node, admitted []wire.Admitted[corev1.Pod], objects []*corev1.Pod) *wire.Node[corev1.Pod] {
	q := &wire.Node[corev1.Pod]{Capacity: n.Capacity, Allocatable: n.AllocatableSignal}
	for i := range n.Pods {
		p := &n.Pods[i]
		k := wire.KubeletPod[corev1.Pod]{Pod: *held(p, &admitted[i], objects[i])}
		if admitted[i].Resized != nil {
			k.Allocated = &kubeletPod(p, &admitted[i]).Pod
		}
		if p.RunningSince {
			k.Started = &admitted[i].Created.Pod
		}
		if p.HasStats(n.CRIO) {
			k.WorkingSet = &p.WorkingSet
		}
		if !p.Finished() {
			k.Running = p.Running()
		}
		q.Pods = append(q.Pods, k)
	}
	return q
}

// held is the pod in the kubelet's hands: the API server's object, or the manifest that it read itself, whose
// status it never hears of. Either is annotated with where it came from (pkg/kubelet/config/config.go).
func held(p *Pod, a *wire.Admitted[corev1.Pod], object *corev1.Pod) *corev1.Pod {
	if p.Static {
		own := a.Static.Pod.DeepCopy()
		own.Status.Phase = p.Phase // as its status manager has it
		own.Spec.EphemeralContainers = object.Spec.EphemeralContainers
		return own
	}
	own := object.DeepCopy()
	if own.Annotations == nil {
		own.Annotations = map[string]string{}
	}
	own.Annotations["kubernetes.io/config.source"] = "api"
	return own
}

// nodeObject is the node as a client of the API server sees it.
func nodeObject(n *Node, kubeletVersion string) *corev1.Node {
	runtime := "containerd://2.4.2"
	if n.CRIO {
		runtime = "cri-o://1.37.0"
	}
	return &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, UID: "node"},
		Status: corev1.NodeStatus{
			Capacity:    corev1.ResourceList{corev1.ResourceMemory: bytes(n.Capacity)},
			Allocatable: corev1.ResourceList{corev1.ResourceMemory: bytes(n.Allocatable)},
			NodeInfo: corev1.NodeSystemInfo{
				OperatingSystem: "linux", KubeletVersion: kubeletVersion, ContainerRuntimeVersion: runtime,
			},
		},
	}
}
