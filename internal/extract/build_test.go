package extract_test

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/internal/facts/factstest"
)

// podBuilder builds a Pod bound to node "worker-1".
type podBuilder struct{ corev1.Pod }

func pod(name string) *podBuilder {
	b := &podBuilder{}
	b.Namespace, b.Name, b.UID = "shop", name, types.UID("uid-"+name)
	b.Spec.NodeName = "worker-1"
	return b
}

func (b *podBuilder) edit(change func(*corev1.Pod)) *podBuilder {
	change(&b.Pod)
	return b
}

// containers adds regular containers.
func (b *podBuilder) containers(cs ...corev1.Container) *podBuilder {
	b.Spec.Containers = append(b.Spec.Containers, cs...)
	return b
}

// inits adds init containers.
func (b *podBuilder) inits(cs ...corev1.Container) *podBuilder {
	b.Spec.InitContainers = append(b.Spec.InitContainers, cs...)
	return b
}

// podLevel sets pod-level resources.
func (b *podBuilder) podLevel(r corev1.ResourceRequirements) *podBuilder {
	b.Spec.Resources = &r
	return b
}

func (b *podBuilder) overhead(memory string) *podBuilder {
	b.Spec.Overhead = list("", memory)
	return b
}

func (b *podBuilder) priority(priority int32) *podBuilder {
	b.Spec.Priority = &priority
	return b
}

func (b *podBuilder) annotated(key, value string) *podBuilder {
	b.Annotations = map[string]string{key: value}
	return b
}

// running adds the status of a running container, started half an hour before factstest.Now.
func (b *podBuilder) running(names ...string) *podBuilder {
	for _, name := range names {
		b.Status.ContainerStatuses = append(b.Status.ContainerStatuses, runningStatus(name))
	}
	return b
}

var started = factstest.Now.Add(-30 * time.Minute)

func runningStatus(name string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(started)}},
	}
}

// container has that request and limit of memory, "" for none.
func container(name, request, limit string) corev1.Container {
	return corev1.Container{Name: name, Resources: requirements(list("", request), list("", limit))}
}

func sidecar(name, request, limit string) corev1.Container {
	c := container(name, request, limit)
	always := corev1.ContainerRestartPolicyAlways
	c.RestartPolicy = &always
	return c
}

func requirements(requests, limits corev1.ResourceList) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: requests, Limits: limits}
}

// list is a resource list of CPU and memory, "" for none.
func list(cpu, memory string) corev1.ResourceList {
	l := corev1.ResourceList{}
	if cpu != "" {
		l[corev1.ResourceCPU] = resource.MustParse(cpu)
	}
	if memory != "" {
		l[corev1.ResourceMemory] = resource.MustParse(memory)
	}
	if len(l) == 0 {
		return nil
	}
	return l
}
