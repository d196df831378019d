package extract

import (
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/killorder/killorder/internal/facts"
)

// Attach completes a node with its pods, what the policy says of them, and the readings that can be used. An
// amount that cannot be true (negative, or more than the node has), and a reading that is older than its container
// or than the node's newest by more than the policy's MaxAge, are left out: usage is then unknown.
// It returns how many amounts could not be true.
func Attach(n *facts.Node, pods []*facts.Pod, r facts.Readings, p *Policy, namespace func(string) labels.Labels) (absurd int) {
	node, _ := r.Node(n.Name)
	readings := make([]facts.PodReading, len(pods))
	newest := node.ObservedAt
	for i, pod := range pods {
		readings[i], _ = r.Pod(pod.Namespace, pod.Name)
		if readings[i].ObservedAt.After(newest) {
			newest = readings[i].ObservedAt
		}
	}
	a := attachment{node: n, notBefore: newest.Add(-p.MaxAge)}
	a.nodeReading(&node)
	n.Pods = make([]facts.PodState, len(pods))
	for i, pod := range pods {
		ns := namespace(pod.Namespace)
		if ns == nil {
			ns = facts.Labels(nil) // selectors look labels up without asking
		}
		n.Pods[i] = facts.PodState{
			Pod: pod, WorkingSet: facts.Unknown,
			Critical: p.Critical(pod, ns), Production: p.Production(pod.Namespace, ns),
		}
		a.podReading(&n.Pods[i], &readings[i])
	}
	return a.absurd
}

// attachment is one Attach at work.
type attachment struct {
	node      *facts.Node
	notBefore time.Time
	absurd    int
}

// usable reports whether a reading was made, and not too long before the node's newest.
func (a *attachment) usable(observedAt time.Time) bool {
	return !observedAt.IsZero() && !observedAt.Before(a.notBefore)
}

func (a *attachment) nodeReading(r *facts.NodeReading) {
	if !a.usable(r.ObservedAt) {
		return
	}
	u := &a.node.Usage
	u.WorkingSet, u.PodsWorkingSet = a.ram(r.WorkingSet), a.ram(r.PodsWorkingSet)
	u.RSS = max(a.ram(r.RSS), 0)
	if a.node.Linux {
		u.Available = a.ram(r.Available)
	} else {
		u.Available = a.within(r.Available, 0) // Windows may commit more than it has
		u.CommitLimit = min(max(r.CommitLimit, 0), facts.MaxBytes)
	}
	u.SwapCapacity = swapCapacity(a.node, r)
	u.Source, u.ObservedAt, u.MeasuredAt = r.Source, r.ObservedAt, r.ObservedAt
}

// swapCapacity is the node's swap, in bytes. The Node object goes on naming swap that the node has no more, since the kubelet
// writes a capacity above 0 only (MachineInfo in pkg/kubelet/nodestatus/setters.go, v1.37.2). What the kubelet reads of the
// whole node is new each time, also if that is 0 (GetSpec in cadvisor's container/raw/handler.go).
func swapCapacity(n *facts.Node, r *facts.NodeReading) int64 {
	swap := max(r.SwapCapacity, 0)
	if r.Source != facts.SourceKubelet || !n.Linux {
		swap = max(swap, n.Usage.SwapCapacity)
	}
	return min(swap, facts.MaxBytes)
}

// ram returns an amount of the node's memory, or Unknown if it cannot be true.
func (a *attachment) ram(bytes int64) int64 { return a.within(bytes, a.node.Capacity) }

// swap returns an amount of the node's swap, or Unknown if it cannot be true.
func (a *attachment) swap(bytes int64) int64 { return a.within(bytes, a.node.Usage.SwapCapacity) }

// within returns the amount, or Unknown and counts it if it cannot be true: negative, or above what there is, where
// that is known.
func (a *attachment) within(bytes, most int64) int64 {
	if most <= 0 {
		most = facts.MaxBytes
	}
	if bytes >= 0 && bytes <= most {
		return bytes
	}
	if bytes != facts.Unknown {
		a.absurd++
	}
	return facts.Unknown
}

func (a *attachment) podReading(p *facts.PodState, r *facts.PodReading) {
	started := time.Unix(0, p.Started())
	if !a.usable(r.ObservedAt) || r.ObservedAt.Before(started) || !p.HasKubeletStats(a.node.SandboxStats) {
		return
	}
	if p.WorkingSet = a.ram(ownWorkingSet(p.Pod, r)); p.WorkingSet == facts.Unknown {
		return
	}
	u := &a.node.Usage
	if u.ObservedAt.IsZero() {
		u.Source = r.Source // of the node itself there is no reading
	}
	if u.ObservedAt.IsZero() || r.ObservedAt.Before(u.ObservedAt) {
		u.ObservedAt = r.ObservedAt
	}
	p.History = since(r.History, started)
	p.Growth, p.GrowthKnown = growth(r, p.History)
	p.Peak = a.peak(p.WorkingSet, p.History)
	p.Usage = make([]facts.ContainerUsage, len(p.Containers))
	for i := range p.Containers {
		p.Usage[i] = a.containerUsage(r, &p.Containers[i])
	}
}

func (a *attachment) containerUsage(r *facts.PodReading, c *facts.Container) facts.ContainerUsage {
	if r.ObservedAt.Before(time.Unix(0, c.Started)) {
		return facts.NoContainerUsage // it was another container's, before a restart
	}
	u := readingOf(r, c.Name)
	return facts.ContainerUsage{WorkingSet: a.ram(u.WorkingSet), RSS: a.ram(u.RSS), Swap: a.swap(u.Swap)}
}

// growth is what the working set grew by since the first sample. It is known where that is an earlier reading than the last one.
func growth(r *facts.PodReading, history []facts.Sample) (bytes int64, known bool) {
	if len(history) == 0 {
		return 0, false
	}
	return r.WorkingSet - history[0].WorkingSet, history[0].At < r.ObservedAt.Unix()
}

// peak is the largest of the present working set and the samples that can be true, in bytes.
func (a *attachment) peak(now int64, history []facts.Sample) int64 {
	for _, s := range history {
		if a.node.Capacity <= 0 || s.WorkingSet <= a.node.Capacity {
			now = max(now, s.WorkingSet)
		}
	}
	return now
}

// since returns the samples that are not older than the pod's first container.
func since(history []facts.Sample, started time.Time) []facts.Sample {
	for i, s := range history {
		if s.At >= started.Unix() {
			return history[i:]
		}
	}
	return nil
}
