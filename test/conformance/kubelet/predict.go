package kubelet

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/status"
)

// predict is killorder's own path, from objects and readings to the status of a NodeKillOrder, uncut.
func predict(node *corev1.Node, candidates []*facts.Pod, r facts.Readings) v1alpha1.NodeKillOrderStatus {
	n := extract.Node(node)
	policy := extract.DefaultPolicy()
	extract.Attach(&n, candidates, r, policy, func(string) labels.Labels { return nil })
	_, orders := status.Judge(&n, &policy.Policy, nil, 0, 1, now)
	return orders
}

// candidates reads pods once, as the plugin does.
func candidates(pods []*corev1.Pod) (all []*facts.Pod) {
	for _, p := range pods {
		if extract.Candidate(p) {
			all = append(all, extract.Pod(p))
		}
	}
	return all
}

// readings are a node's, read from the answers that metrics.k8s.io or the kubelet would give.
type readings struct {
	pods map[string]facts.PodReading
}

func (r *readings) Pod(namespace, name string) (facts.PodReading, bool) {
	reading, ok := r.pods[namespace+"/"+name]
	return reading, ok
}

func (*readings) Node(string) (facts.NodeReading, bool) { return facts.NodeReading{}, false }

func newReadings(n *Node) (*readings, error) {
	r := &readings{pods: map[string]facts.PodReading{}}
	for i := range n.Pods {
		p := &n.Pods[i]
		key := p.Manifest.Namespace + "/" + p.Manifest.Name
		if !n.MetricsAPI {
			if p.HasStats(n.CRIO) {
				r.pods[key] = extract.SummaryPod(podStats(p))
			}
			continue
		}
		if len(p.Running()) == 0 {
			continue
		}
		var err error
		if r.pods[key], err = extract.PodMetrics(podMetrics(p)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// observedAt is when usage was read.
var observedAt = metav1.NewTime(now.Add(-10 * time.Second))

// podStats is the pod in the kubelet's Summary.
func podStats(p *Pod) *stats.PodStats {
	ws := uint64(p.WorkingSet)
	s := &stats.PodStats{
		PodRef: stats.PodReference{Namespace: p.Manifest.Namespace, Name: p.Manifest.Name, UID: string(p.Manifest.UID)},
		Memory: &stats.MemoryStats{Time: observedAt, WorkingSetBytes: &ws},
	}
	for name, share := range shares(p) {
		bytes := uint64(share)
		s.Containers = append(s.Containers, stats.ContainerStats{
			Name: name, Memory: &stats.MemoryStats{Time: observedAt, WorkingSetBytes: &bytes, RSSBytes: &bytes},
		})
	}
	return s
}

// podMetrics is the pod's PodMetrics object; its containers add up to the pod's working set.
func podMetrics(p *Pod) *metrics.PodMetrics {
	m := &metrics.PodMetrics{
		TypeMeta:   metav1.TypeMeta{APIVersion: "metrics.k8s.io/v1beta1", Kind: "PodMetrics"},
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Manifest.Namespace, Name: p.Manifest.Name},
		Timestamp:  observedAt, Window: metav1.Duration{Duration: 15 * time.Second},
	}
	for name, share := range shares(p) {
		m.Containers = append(m.Containers, metrics.ContainerMetrics{
			Name: name, Usage: corev1.ResourceList{corev1.ResourceMemory: bytes(share)},
		})
	}
	return m
}

// shares of the running containers in the pod's working set.
func shares(p *Pod) func(yield func(string, int64) bool) {
	names, rest := p.Running(), p.WorkingSet
	return func(yield func(string, int64) bool) {
		for i, name := range names {
			share := rest / int64(len(names)-i)
			rest -= share
			if !yield(name, share) {
				return
			}
		}
	}
}
