package kubelet

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// The first minor versions in which, by default, pods may have sidecars, are resized in place, and have resources of their own
// (pkg/features/kube_features.go, v1.29.14, v1.33.5 and v1.34.4).
const (
	sidecarSince  = 29
	resizeSince   = 33
	podLevelSince = int(facts.PodLevelResources)
)

// Generate makes the node of that number of a run. The API server's part of the judge has a say, since only pods
// that it takes can come before the kubelet.
func Generate(seed uint64, number int, j *Judge) (*Node, error) {
	d := newDice(seed, number)
	n := &Node{
		Name: fmt.Sprintf("node-%d", number), Capacity: d.capacity(), CRIO: d.percent(20),
		AllocatableSignal: d.percent(50), Watched: d.percent(40),
	}
	// metrics.k8s.io knows nothing of a sandbox without containers.
	n.MetricsAPI = !n.CRIO && d.percent(50)
	n.Allocatable = n.Capacity - oneOf(d, 0, 100*mi, n.Capacity/10)
	pods := make([]Pod, 5+d.IntN(55))
	for i := range pods {
		pods[i].Manifest, pods[i].Traits = d.manifest(n, i)
		pods[i].Unreported = facts.Minor(j.Kubernetes) < resizeSince
		if pods[i].Aged = d.percent(25); pods[i].Aged {
			pods[i].Traits = append(pods[i].Traits, "created one minor ago")
		}
		if pods[i].Static = d.percent(6); pods[i].Static {
			pods[i].Traits = append(pods[i].Traits, "static")
		} else if d.percent(20) {
			pods[i].Resize = d.resize(&pods[i].Manifest, n.Capacity)
		}
	}
	admitted, err := j.Admit(manifests(pods))
	if err != nil {
		return nil, err
	}
	for i := range pods {
		if admitted[i].Rejected != "" {
			continue
		}
		d.live(&pods[i], &admitted[i], n)
		if unknowable(&pods[i], &admitted[i]) {
			n.LeftOut++
			continue
		}
		n.Pods = append(n.Pods, pods[i])
		if d.percent(8) {
			n.Pods = append(n.Pods, d.replica(&pods[i], len(pods)+i))
		}
	}
	d.Shuffle(len(n.Pods), func(a, b int) { n.Pods[a], n.Pods[b] = n.Pods[b], n.Pods[a] })
	return n, nil
}

func manifests(pods []Pod) []wire.Manifest[corev1.Pod] {
	m := make([]wire.Manifest[corev1.Pod], len(pods))
	for i := range pods {
		m[i] = wire.Manifest[corev1.Pod]{Pod: pods[i].Manifest, Resize: pods[i].Resize, Aged: pods[i].Aged, Static: pods[i].Static}
	}
	return m
}

// replica is a pod like another, down to the last byte: the kubelet has no preference between them.
func (d dice) replica(of *Pod, number int) Pod {
	p := *of
	p.Manifest = *of.Manifest.DeepCopy()
	p.Manifest.Name = fmt.Sprintf("pod-%03d", number)
	p.Manifest.UID += "-replica"
	if p.Resize != nil {
		p.Resize = of.Resize.DeepCopy()
	}
	p.Traits = append(slices.Clone(of.Traits), "replica")
	return p
}

// resize is what the owner of a pod could ask for later: other amounts, and perhaps some that were not set.
func (d dice) resize(manifest *corev1.Pod, capacity int64) *corev1.Pod {
	p := manifest.DeepCopy()
	if p.Spec.Resources == nil && d.percent(5) {
		d.podLevel(&p.Spec, capacity)
	}
	for _, r := range allRequirements(&p.Spec) {
		d.resizeOne(r, capacity)
	}
	return p
}

// resizeOne keeps requests equal to limits where they were, since a resize must not change the QoS class.
func (d dice) resizeOne(r *corev1.ResourceRequirements, capacity int64) {
	request, limit := r.Requests[corev1.ResourceMemory], r.Limits[corev1.ResourceMemory]
	equal := !limit.IsZero() && request.Equal(limit)
	if _, set := r.Requests[corev1.ResourceMemory]; !set && d.percent(15) {
		if r.Requests == nil {
			r.Requests = corev1.ResourceList{}
		}
		r.Requests[corev1.ResourceMemory] = d.memory(capacity)
	}
	for _, list := range []corev1.ResourceList{r.Requests, r.Limits} {
		if _, set := list[corev1.ResourceMemory]; set && d.percent(70) {
			list[corev1.ResourceMemory] = d.memory(capacity)
		}
	}
	if equal {
		r.Limits[corev1.ResourceMemory] = r.Requests[corev1.ResourceMemory]
	}
}

// allRequirements of a pod: its own, where it has some, its init containers' and its containers'.
func allRequirements(spec *corev1.PodSpec) (all []*corev1.ResourceRequirements) {
	if spec.Resources != nil {
		all = append(all, spec.Resources)
	}
	for i := range spec.InitContainers {
		all = append(all, &spec.InitContainers[i].Resources)
	}
	for i := range spec.Containers {
		all = append(all, &spec.Containers[i].Resources)
	}
	return all
}
