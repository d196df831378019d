package extract_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// crowd is 110 pods of two containers each, as a Deployment makes them, and their readings.
func crowd() (pods []*corev1.Pod, source *readings) {
	source = &readings{pods: map[string]facts.PodReading{}, nodes: map[string]facts.NodeReading{
		"worker-1": {ObservedAt: ago(10), WorkingSet: 12 * GiB, PodsWorkingSet: facts.Unknown, Available: facts.Unknown},
	}}
	for i := range 110 {
		p := pod(fmt.Sprintf("workload-%02d-7d9c8b6f5-%05d", i/3, i)).priority(int32(i%3*1000)).
			containers(container("app", "256Mi", "512Mi"), container("proxy", "64Mi", "128Mi")).
			edit(func(p *corev1.Pod) {
				p.Labels = map[string]string{"app": fmt.Sprintf("workload-%02d", i/3), "pod-template-hash": "7d9c8b6f5"}
				p.Status.Phase, p.Status.QOSClass = corev1.PodRunning, corev1.PodQOSBurstable
				p.Status.ContainerStatuses = []corev1.ContainerStatus{allocated("app", "256Mi"), allocated("proxy", "64Mi")}
				p.Status.AllocatedResources = list("", "320Mi")
			})
		pods = append(pods, &p.Pod)
		source.pods["shop/"+p.Name] = facts.PodReading{
			ObservedAt: ago(10), WorkingSet: 100 * MiB, History: []facts.Sample{{At: ago(600).Unix(), WorkingSet: 90 * MiB}},
			Containers: []facts.ContainerReading{
				{Name: "app", ContainerUsage: usage(80*MiB, facts.Unknown, facts.Unknown)},
				{Name: "proxy", ContainerUsage: usage(20*MiB, facts.Unknown, facts.Unknown)},
			},
		}
	}
	return pods, source
}

// BenchmarkExtract makes the facts of a full node: 110 Pod objects, the Node and the readings.
func BenchmarkExtract(b *testing.B) {
	pods, source := crowd()
	node, p := kubeNode(func(*corev1.Node) {}), extract.DefaultPolicy()
	all := make([]*facts.Pod, len(pods))
	b.ReportAllocs()
	for b.Loop() {
		n := extract.Node(node)
		for i := range pods {
			all[i] = extract.Pod(pods[i])
		}
		extract.Attach(&n, all, source, p, noLabels)
	}
}

// BenchmarkAttach is the part of it that every usage pass repeats; a Pod's facts last until it changes.
func BenchmarkAttach(b *testing.B) {
	pods, source := crowd()
	node, p := kubeNode(func(*corev1.Node) {}), extract.DefaultPolicy()
	all := make([]*facts.Pod, len(pods))
	for i := range pods {
		all[i] = extract.Pod(pods[i])
	}
	b.ReportAllocs()
	for b.Loop() {
		n := extract.Node(node)
		extract.Attach(&n, all, source, p, noLabels)
	}
}
