package podcache

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// podBuilder builds a running Pod of namespace shop.
type podBuilder struct{ p corev1.Pod }

func buildPod(name, node string) *podBuilder {
	return &podBuilder{corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{NodeName: node},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBurstable},
	}}
}

func (b *podBuilder) uid(uid string) *podBuilder { b.p.UID = types.UID(uid); return b }

func (b *podBuilder) phase(p corev1.PodPhase) *podBuilder { b.p.Status.Phase = p; return b }

func (b *podBuilder) pod() *corev1.Pod { return b.p.DeepCopy() }

// container adds a running container that requests that many MiB and started at that second.
func (b *podBuilder) container(name string, mib int, started int64) *podBuilder {
	b.p.Spec.Containers = append(b.p.Spec.Containers, corev1.Container{Name: name, Resources: requests(mib)})
	b.p.Status.ContainerStatuses = append(b.p.Status.ContainerStatuses, runningSince(name, started))
	return b
}

func (b *podBuilder) sidecar(name string, mib int, started int64) *podBuilder {
	always := corev1.ContainerRestartPolicyAlways
	b.p.Spec.InitContainers = append(b.p.Spec.InitContainers, corev1.Container{Name: name, Resources: requests(mib), RestartPolicy: &always})
	b.p.Status.InitContainerStatuses = append(b.p.Status.InitContainerStatuses, runningSince(name, started))
	return b
}

func (b *podBuilder) ephemeral(name string, started int64) *podBuilder {
	b.p.Spec.EphemeralContainers = append(b.p.Spec.EphemeralContainers, corev1.EphemeralContainer{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: name},
	})
	b.p.Status.EphemeralContainerStatuses = append(b.p.Status.EphemeralContainerStatuses, runningSince(name, started))
	return b
}

// podLevel sets a memory request of the pod as a whole.
func (b *podBuilder) podLevel(mib int) *podBuilder {
	r := requests(mib)
	b.p.Spec.Resources = &r
	return b
}

func requests(mib int) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceMemory: *resource.NewQuantity(int64(mib)<<20, resource.BinarySI)}}
}

func runningSince(name string, second int64) corev1.ContainerStatus {
	s := corev1.ContainerStatus{Name: name}
	if second > 0 {
		s.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Unix(second, 0))}
	}
	return s
}
