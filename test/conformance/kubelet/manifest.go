package kubelet

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"
)

const (
	clusterCritical         = "system-cluster-critical"
	clusterCriticalPriority = 2000000000
	nodeCritical            = "system-node-critical"
	nodeCriticalPriority    = 2000001000

	hugepages = corev1.ResourceHugePagesPrefix + "2Mi"
)

// manifest is a pod as somebody could write it; whether the API server takes it is for the judge to say.
func (d dice) manifest(node *Node, number int) (_ corev1.Pod, traits []string) {
	p := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("pod-%03d", number), Namespace: oneOf(d, "default", "shop", "data", "kube-system"),
			UID: types.UID(fmt.Sprintf("%08x-%04d", d.Uint32(), number)),
		},
		Spec: corev1.PodSpec{
			NodeName:      node.Name,
			RestartPolicy: oneOf(d, corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever),
		},
	}
	d.containers(&p.Spec, node.Capacity)
	if d.percent(25) {
		traits = append(traits, d.podLevel(&p.Spec, node.Capacity))
	}
	if d.percent(12) {
		traits = append(traits, "overhead")
		class := "vm"
		p.Spec.RuntimeClassName = &class
		p.Spec.Overhead = corev1.ResourceList{corev1.ResourceMemory: d.memory(node.Capacity), corev1.ResourceCPU: d.cpu()}
	}
	traits = append(traits, d.priority(&p.Spec)...)
	if d.percent(2) {
		// Only the kubelet's own mark counts, and it does not come from the API server.
		p.Annotations = map[string]string{"kubernetes.io/config.source": oneOf(d, "file", "api", "http")}
		traits = append(traits, "annotated as if static")
	}
	return p, traits
}

func (d dice) priority(spec *corev1.PodSpec) (traits []string) {
	set := func(class string, priority int32) []string {
		spec.PriorityClassName, spec.Priority = class, &priority
		if class != "" {
			return []string{class}
		}
		return nil
	}
	switch n := d.IntN(100); {
	case n < 5:
		return nil // no admission plugin sets it
	case n < 55:
		return set("", 0)
	case n < 85:
		return set("", oneOf[int32](d, -1000, -1, 1, 1000, 100000, 999999999, 1000000000))
	case n < 90:
		return set(clusterCritical, clusterCriticalPriority)
	case n < 95:
		return set(nodeCritical, nodeCriticalPriority)
	}
	// A class's name alone exempts nobody, nor does a priority just below the system's.
	return set(oneOf(d, "", nodeCritical), oneOf[int32](d, 1999999999, 2000000000, 2147483647))
}

// containers gives the pod one to four containers and perhaps init containers and sidecars, in any order.
func (d dice) containers(spec *corev1.PodSpec, capacity int64) {
	resources := d.shape(capacity)
	always := corev1.ContainerRestartPolicyAlways
	for i := range 1 + d.IntN(2)*d.IntN(4) {
		c := corev1.Container{Name: fmt.Sprintf("c%d", i), Image: "image", Resources: resources()}
		if d.percent(3) {
			c.RestartPolicy = &always // does not make a sidecar of it
		}
		spec.Containers = append(spec.Containers, c)
	}
	if d.percent(55) {
		return
	}
	for i := range 1 + d.IntN(3) {
		c := corev1.Container{Name: fmt.Sprintf("i%d", i), Image: "image", Resources: resources()}
		if d.percent(55) {
			c.RestartPolicy = &always
			c.Name = fmt.Sprintf("s%d", i)
		}
		spec.InitContainers = append(spec.InitContainers, c)
	}
}

// shape is how a pod's containers ask for resources: all in the same way, so that each QoS class comes up, or
// each in its own.
func (d dice) shape(capacity int64) func() corev1.ResourceRequirements {
	kinds := []func(int64) corev1.ResourceRequirements{
		d.nothing, d.guaranteed, d.requestBelowLimit, d.requestOnly, d.limitOnly, d.cpuOnly, d.huge, d.memoryGuaranteed,
	}
	switch n := d.IntN(100); {
	case n < 15:
		return func() corev1.ResourceRequirements { return d.nothing(capacity) }
	case n < 30:
		return func() corev1.ResourceRequirements { return d.guaranteed(capacity) }
	case n < 60:
		kind := oneOf(d, kinds...)
		return func() corev1.ResourceRequirements { return kind(capacity) }
	}
	return func() corev1.ResourceRequirements { return oneOf(d, kinds...)(capacity) }
}

func (d dice) nothing(int64) corev1.ResourceRequirements {
	if d.percent(80) {
		return corev1.ResourceRequirements{}
	}
	// Other resources do not count for the QoS class.
	return requirements(corev1.ResourceList{corev1.ResourceEphemeralStorage: bytes(gi)}, nil)
}

func (d dice) guaranteed(capacity int64) corev1.ResourceRequirements {
	list := corev1.ResourceList{corev1.ResourceMemory: d.memory(capacity), corev1.ResourceCPU: d.cpu()}
	return requirements(list, list)
}

func (d dice) memoryGuaranteed(capacity int64) corev1.ResourceRequirements {
	list := corev1.ResourceList{corev1.ResourceMemory: d.memory(capacity)}
	return requirements(list, list)
}

func (d dice) requestBelowLimit(capacity int64) corev1.ResourceRequirements {
	request := d.memory(capacity)
	return requirements(corev1.ResourceList{corev1.ResourceMemory: request},
		corev1.ResourceList{corev1.ResourceMemory: d.moreThan(request, capacity)})
}

func (d dice) requestOnly(capacity int64) corev1.ResourceRequirements {
	return requirements(corev1.ResourceList{corev1.ResourceMemory: d.memory(capacity)}, nil)
}

func (d dice) limitOnly(capacity int64) corev1.ResourceRequirements {
	return requirements(nil, corev1.ResourceList{corev1.ResourceMemory: d.memory(capacity)})
}

func (d dice) cpuOnly(int64) corev1.ResourceRequirements {
	cpu := corev1.ResourceList{corev1.ResourceCPU: d.cpu()}
	if d.percent(50) {
		return requirements(nil, cpu)
	}
	return requirements(cpu, nil)
}

func (d dice) huge(capacity int64) corev1.ResourceRequirements {
	list := corev1.ResourceList{hugepages: bytes(2 * mi * (1 + d.Int64N(8))), corev1.ResourceCPU: d.cpu()}
	if d.percent(50) {
		list[corev1.ResourceMemory] = d.memory(capacity)
	}
	return requirements(list, list)
}

func requirements(requests, limits corev1.ResourceList) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: requests.DeepCopy(), Limits: limits.DeepCopy()}
}

// podLevel sets resources for the pod as a whole, of one kind or several, mostly large enough for what its
// containers ask for.
func (d dice) podLevel(spec *corev1.PodSpec, capacity int64) (trait string) {
	given := resourcehelper.AggregateContainerRequests(&corev1.Pod{Spec: *spec}, resourcehelper.PodResourcesOptions{})
	cpu, memory, huge := given[corev1.ResourceCPU], given[corev1.ResourceMemory], given[hugepages]
	cpu.Add(d.cpu())
	memory = d.moreThan(memory, capacity)
	huge.Add(bytes(2 * mi * d.Int64N(4)))
	requests, limits := corev1.ResourceList{}, corev1.ResourceList{}
	spec.Resources = &corev1.ResourceRequirements{Requests: requests, Limits: limits}
	switch d.IntN(7) {
	case 0:
		requests[corev1.ResourceCPU] = cpu
		return "pod-level cpu only"
	case 1:
		limits[corev1.ResourceCPU] = cpu
		return "pod-level cpu limit only"
	case 2:
		limits[hugepages], requests[hugepages] = huge, huge
		return "pod-level hugepages only"
	case 3:
		requests[corev1.ResourceMemory] = memory
		return "pod-level memory request"
	case 4:
		limits[corev1.ResourceMemory] = memory
		return "pod-level memory limit only"
	case 5:
		requests[corev1.ResourceMemory], limits[corev1.ResourceMemory] = memory, d.moreThan(memory, capacity)
		return "pod-level memory request and limit"
	}
	requests[corev1.ResourceMemory], limits[corev1.ResourceMemory] = memory, memory
	requests[corev1.ResourceCPU], limits[corev1.ResourceCPU] = cpu, cpu
	return "pod-level guaranteed"
}
