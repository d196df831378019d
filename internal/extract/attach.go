package extract

import (
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/killorder/killorder/internal/facts"
)

// Attach completes a node with its pods, what the policy says of them, and the readings that can be used. A
// reading that cannot be true (more than the node's capacity), that is older than the pod's container, or that
// is older than the node's newest by more than the policy's MaxAge is left out: the pod's usage is then unknown.
// It returns how many readings could not be true.
func Attach(n *facts.Node, pods []*facts.Pod, r facts.Readings, p *Policy, namespace func(string) labels.Labels) (absurd int) {
	a := attachment{node: n, capacity: n.Capacity}
	if n.Capacity <= 0 {
		a.capacity = facts.MaxBytes
	}
	a.nodeReading(r)
	readings := make([]facts.PodReading, len(pods))
	newest := a.node.Usage.ObservedAt
	for i, pod := range pods {
		readings[i], _ = r.Pod(pod.Namespace, pod.Name)
		if readings[i].ObservedAt.After(newest) {
			newest = readings[i].ObservedAt
		}
	}
	a.notBefore = newest.Add(-p.MaxAge)
	n.Pods = make([]facts.PodState, len(pods))
	for i, pod := range pods {
		labels := namespace(pod.Namespace)
		n.Pods[i] = facts.PodState{
			Pod: pod, WorkingSet: facts.Unknown,
			Critical: p.Critical(pod, labels), Production: p.Production(pod.Namespace, labels),
		}
		a.podReading(&n.Pods[i], &readings[i])
	}
	return a.absurd
}

// attachment is one Attach at work.
type attachment struct {
	node      *facts.Node
	capacity  int64
	notBefore time.Time
	absurd  int
}

func (a *attachment) nodeReading(r facts.Readings) {
	u := &a.node.Usage
	u.Source = r.Source()
	reading, ok := r.Node(a.node.Name)
	if !ok {
		return
	}
	u.WorkingSet, u.PodsWorkingSet, u.Available = a.sane(reading.WorkingSet), a.sane(reading.PodsWorkingSet), a.sane(reading.Available)
	u.SwapCapacity = max(u.SwapCapacity, reading.SwapCapacity)
	u.ObservedAt = reading.ObservedAt
}

// sane returns the amount, or Unknown and counts it if it cannot be true.
func (a *attachment) sane(bytes int64) int64 {
	if bytes < 0 {
		return facts.Unknown
	}
	if bytes > a.capacity {
		a.absurd++
		return facts.Unknown
	}
	return bytes
}

func (a *attachment) podReading(p *facts.PodState, r *facts.PodReading) {
	if r.ObservedAt.IsZero() {
		return
	}
	started := time.Unix(0, p.Started())
	if r.ObservedAt.Before(a.notBefore) || r.ObservedAt.Before(started) || !p.AnyRunning() {
		return
	}
	if p.WorkingSet = a.sane(r.WorkingSet); p.WorkingSet == facts.Unknown {
		return
	}
	if u := &a.node.Usage; u.ObservedAt.IsZero() || r.ObservedAt.Before(u.ObservedAt) {
		u.ObservedAt = r.ObservedAt
	}
	p.Growth = growth(r, started)
	p.Usage = make([]facts.ContainerUsage, len(p.Containers))
	for i := range p.Containers {
		p.Usage[i] = containerUsage(r.Containers, p.Containers[i].Name)
	}
}

func containerUsage(readings []facts.ContainerReading, name string) facts.ContainerUsage {
	for i := range readings {
		if readings[i].Name == name {
			return readings[i].ContainerUsage
		}
	}
	return facts.NoContainerUsage
}

// growth is what the working set grew by since the first reading kept that is not older than the container.
func growth(r *facts.PodReading, started time.Time) int64 {
	for _, s := range r.History {
		if s.At >= started.Unix() {
			return r.WorkingSet - s.WorkingSet
		}
	}
	return 0
}
