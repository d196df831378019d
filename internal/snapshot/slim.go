package snapshot

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/extract"
)

// slimPod returns the part of a pod that the orders, findings and diagnoses rest on, in objects of its own.
func slimPod(p *corev1.Pod) *corev1.Pod {
	slim := &corev1.Pod{
		TypeMeta:   kindPod,
		ObjectMeta: slimMeta(&p.ObjectMeta),
		Spec: corev1.PodSpec{
			NodeName: p.Spec.NodeName, Priority: p.Spec.Priority, PriorityClassName: p.Spec.PriorityClassName,
			RestartPolicy: p.Spec.RestartPolicy, TerminationGracePeriodSeconds: p.Spec.TerminationGracePeriodSeconds,
			Overhead: p.Spec.Overhead, Resources: p.Spec.Resources,
			InitContainers: slimContainers(p.Spec.InitContainers), Containers: slimContainers(p.Spec.Containers),
			Volumes: memoryVolumes(p.Spec.Volumes),
		},
		Status: *p.Status.DeepCopy(),
	}
	for i := range p.Spec.EphemeralContainers {
		c := &p.Spec.EphemeralContainers[i]
		slim.Spec.EphemeralContainers = append(slim.Spec.EphemeralContainers, corev1.EphemeralContainer{
			EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: c.Name, Resources: c.Resources, RestartPolicy: c.RestartPolicy},
			TargetContainerName:      c.TargetContainerName,
		})
	}
	return slim.DeepCopy()
}

func slimContainers(all []corev1.Container) []corev1.Container {
	slim := make([]corev1.Container, 0, len(all))
	for i := range all {
		c := &all[i]
		slim = append(slim, corev1.Container{
			Name: c.Name, Resources: c.Resources, ResizePolicy: c.ResizePolicy, RestartPolicy: c.RestartPolicy,
			VolumeMounts: c.VolumeMounts,
		})
	}
	return slim
}

// memoryVolumes are the volumes that take memory.
func memoryVolumes(all []corev1.Volume) (memory []corev1.Volume) {
	for i := range all {
		if dir := all[i].EmptyDir; dir != nil && dir.Medium == corev1.StorageMediumMemory {
			memory = append(memory, all[i])
		}
	}
	return memory
}

// slimMeta leaves out managedFields, and the annotations that nothing here reads.
func slimMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	slim := *m
	slim.ManagedFields, slim.Annotations = nil, only(m.Annotations, extract.ReadsAnnotation)
	return slim
}

// only returns the entries of a map whose keys are wanted, nil if there are none.
func only[M ~map[K]V, K comparable, V any](all M, wanted func(K) bool) M {
	kept := maps.Clone(all)
	maps.DeleteFunc(kept, func(key K, _ V) bool { return !wanted(key) })
	if len(kept) == 0 {
		return nil
	}
	return kept
}
