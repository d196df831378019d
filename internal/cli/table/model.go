package table

import (
	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
)

// Node is all that the tables of one node show. An order fills it, whether the plugin made the order or a cluster has it
// (FromOrder); the verdict behind an order adds what orders do not hold (Detail).
type Node struct {
	Name   string
	Status *v1alpha1.NodeKillOrderStatus

	Eviction []Evicted
	OOM      []Killed
	Limits   []AtLimit
	// EvictionTotal, OOMTotal and LimitsTotal are the lengths of the complete orders, 0 where only the rows are known.
	EvictionTotal, OOMTotal, LimitsTotal int
	// NoOOM says why the kernel's rules do not apply, "" if they do or nothing is known.
	NoOOM string
	// NextIsCritical: the pod that status.summary.next names is critical.
	NextIsCritical bool
	// Largest are the users of most memory, for a node without a known culprit.
	Largest []Usage
	// CulpritFrom says where the culprit is known from, "" if from the readings themselves.
	CulpritFrom string
}

// mostShown is how many of the largest users are shown.
const mostShown = 3

// Usage is what a pod uses, in bytes.
type Usage struct {
	Pod   string
	Bytes int64
}

// Evicted is a row of the eviction order.
type Evicted struct {
	*v1alpha1.EvictionVictim
	Workload string
}

// Killed is a row of the kernel's order. Request, Limit and Swap are in bytes, facts.Unknown where only the order is
// known; a Limit of 0 is none.
type Killed struct {
	*v1alpha1.OOMVictim
	UID, Workload        string
	Request, Limit, Swap int64
}

// AtLimit is a row of the limit order.
type AtLimit struct {
	*v1alpha1.LimitVictim
	UID, Workload, QOS string
	Critical           bool
}

// FromOrder fills a Node from an order.
func FromOrder(o *v1alpha1.NodeKillOrder) *Node {
	n := &Node{Name: o.Name, Status: withSections(&o.Status)}
	pods := map[facts.PodKey]*Evicted{}
	for i := range o.Status.EvictionOrder {
		e := Evicted{EvictionVictim: &o.Status.EvictionOrder[i], Workload: referenceText(o.Status.EvictionOrder[i].Workload)}
		n.Eviction = append(n.Eviction, e)
		pods[facts.PodKey{Namespace: e.Namespace, Name: e.Pod}] = &e
	}
	for i := range o.Status.OOMOrder {
		k := Killed{OOMVictim: &o.Status.OOMOrder[i], Workload: unknown, Request: facts.Unknown, Limit: facts.Unknown, Swap: facts.Unknown}
		if e := pods[facts.PodKey{Namespace: k.Namespace, Name: k.Pod}]; e != nil {
			k.UID, k.Workload = string(e.UID), e.Workload
		}
		n.OOM = append(n.OOM, k)
	}
	for i := range o.Status.LimitOrder {
		l := AtLimit{LimitVictim: &o.Status.LimitOrder[i], Workload: unknown, QOS: unknown}
		if e := pods[facts.PodKey{Namespace: l.Namespace, Name: l.Pod}]; e != nil {
			l.UID, l.Workload, l.QOS, l.Critical = string(e.UID), e.Workload, e.QOSClass, e.Critical
		}
		n.Limits = append(n.Limits, l)
	}
	if next := n.Status.Summary.Next; next != nil {
		e := pods[facts.PodKey{Namespace: next.Namespace, Name: next.Pod}]
		n.NextIsCritical = e != nil && e.Critical
	}
	return n
}

// withSections is a status none of whose sections is nil: an order that the operator has not written yet has none.
func withSections(s *v1alpha1.NodeKillOrderStatus) *v1alpha1.NodeKillOrderStatus {
	c := *s
	if c.Usage == nil {
		c.Usage = &v1alpha1.UsageStatus{Source: v1alpha1.UsageSourceNone}
	}
	if c.Memory == nil {
		c.Memory = &v1alpha1.MemoryStatus{ThresholdSource: v1alpha1.ThresholdDefault}
	}
	if c.Summary == nil {
		c.Summary = &v1alpha1.SummaryStatus{}
	}
	return &c
}

// Detail adds what the verdict behind the order knows, row by row: rows are found by pod and container.
func (n *Node) Detail(v *engine.Verdict) {
	n.EvictionTotal, n.OOMTotal, n.LimitsTotal, n.NoOOM = len(v.Eviction), len(v.OOM), len(v.Limits), v.NoOOM
	if next := v.Outlook.Next.Victim; next != nil {
		n.NextIsCritical = next.Critical
	}
	if v.Culprit.PodState == nil && !v.GrowthKnown && !v.Node.Virtual {
		for _, p := range engine.Largest(v.Node, mostShown) {
			n.Largest = append(n.Largest, Usage{Pod: p.Namespace + "/" + p.Name, Bytes: p.WorkingSet})
		}
	}
	victims := make(map[facts.ContainerKey]*oom.Victim, len(v.OOM))
	for i := range v.OOM {
		k := &v.OOM[i]
		victims[k.ContainerKey()] = k
	}
	for i := range n.OOM {
		row := &n.OOM[i]
		if k := victims[facts.ContainerKey{Namespace: row.Namespace, Pod: row.Pod, Container: row.Container}]; k != nil {
			c := &k.Containers[k.Container]
			row.UID, row.Workload = k.UID, WorkloadText(k.Workload)
			row.Request, row.Limit, row.Swap = c.Request, c.Limit, k.Swap
		}
	}
	pods := make(map[facts.PodKey]*facts.PodState, len(v.Node.Pods))
	for i := range v.Node.Pods {
		p := &v.Node.Pods[i]
		pods[facts.PodKey{Namespace: p.Namespace, Name: p.Name}] = p
	}
	for i := range n.Limits {
		row := &n.Limits[i]
		if p := pods[facts.PodKey{Namespace: row.Namespace, Name: row.Pod}]; p != nil {
			row.UID, row.Workload, row.QOS, row.Critical = p.UID, WorkloadText(p.Workload), p.QOS.String(), p.Critical
		}
	}
}

// unknown in a cell.
const unknown = "?"

// none in a cell.
const none = "-"

// WorkloadText is a workload as KIND/NAME, "-" for a bare pod's.
func WorkloadText(w facts.Workload) string {
	if w == (facts.Workload{}) {
		return none
	}
	return w.Kind + "/" + w.Name
}

func referenceText(w *v1alpha1.WorkloadReference) string {
	if w == nil {
		return none
	}
	return w.Kind + "/" + w.Name
}
