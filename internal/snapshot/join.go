package snapshot

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// finish joins what was read.
func (c *collector) finish() (*Snapshot, error) {
	s := &Snapshot{
		Namespaces: values(c.namespaces), Published: values(c.orders),
		Classes: map[string]int32{}, DefaultPriority: c.defaultPriority(),
		Metrics: &Readings{Pods: values(c.podUsage), Nodes: values(c.nodeUsage)}, Kubelets: values(c.kubelets),
	}
	var err error
	if s.Policy, err = c.policyInForce(); err != nil {
		return nil, err
	}
	for name, class := range c.classes {
		s.Classes[name] = class.value.value
	}
	for _, name := range slices.Sorted(maps.Keys(c.nodes)) {
		s.Nodes = append(s.Nodes, c.nodes[name].value)
	}
	c.configure(s)
	c.joinKubelets(s)
	c.joinPods(s)
	c.setClock(s)
	c.believe(s)
	c.unmatched(s)
	s.Notes = c.omitted.notes()
	return s, nil
}

func values[K comparable, T any](all map[K]kept[T]) map[K]T {
	m := make(map[K]T, len(all))
	for key, k := range all {
		m[key] = k.value
	}
	return m
}

// policyInForce is the policy that was read, or the defaults.
func (c *collector) policyInForce() (*extract.Policy, error) {
	policy, ok := c.policies[v1alpha1.PolicyName]
	if !ok {
		return extract.DefaultPolicy(), nil
	}
	return extract.NewPolicy(&v1alpha1.KillOrderPolicy{Spec: policy.value.Spec})
}

// OperatorIsLate is how long after the operator's last pass its orders still say who grows.
const OperatorIsLate = 10 * time.Minute

// believe takes from the orders what they say of usage and growth, if the operator had not looked at the nodes for long: the
// kills that it has seen stay.
func (c *collector) believe(s *Snapshot) {
	at := c.policies[v1alpha1.PolicyName].value.Status.LastPassAt
	if at == nil || s.Now.Sub(at.Time) <= OperatorIsLate {
		return
	}
	for name, o := range s.Published {
		late := o.DeepCopy()
		late.Status.Usage, late.Status.CulpritRef = nil, nil
		if late.Status.Summary != nil {
			late.Status.Summary.Forecast = nil
		}
		s.Published[name] = late
		c.omitted.count(omittedLate, name)
	}
}

// configure gives nodes their kubelets' configurations, and notes of which nodes the kernel's rules do not hold.
func (c *collector) configure(s *Snapshot) {
	c.spread(s)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		n.Config = c.configs[n.Name].value
		switch {
		case !n.Linux:
			c.omitted.count(omittedKernels, n.Name+": "+n.NotLinux)
		case n.Capacity <= 0:
			c.omitted.count(omittedCapacity, n.Name)
		}
		if n.Old() {
			c.omitted.count(omittedOld, fmt.Sprintf("%s: 1.%d", n.Name, n.Minor))
		}
	}
}

// joinKubelets leaves out the answers of kubelets of other nodes.
func (c *collector) joinKubelets(s *Snapshot) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(c.kubelets)), maps.Keys(c.configs))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !s.hasNode(name) {
			c.omitted.count(omittedKubelets, name)
			delete(s.Kubelets, name)
		}
	}
}

// hasNode looks a node up among the sorted nodes.
func (s *Snapshot) hasNode(name string) bool {
	_, ok := slices.BinarySearchFunc(s.Nodes, name, func(n facts.Node, name string) int {
		return strings.Compare(n.Name, name)
	})
	return ok
}

func (c *collector) joinPods(s *Snapshot) {
	for _, key := range slices.SortedFunc(maps.Keys(c.pods), compareKeys) {
		f := c.pods[key].value
		if f.unadmitted != nil {
			f.pod = c.admit(f.unadmitted)
		}
		switch {
		case f.pod == nil:
		case !s.hasNode(f.pod.Node):
			c.omitted.count(omittedPods, key.String()+" on "+f.pod.Node)
		default:
			s.AddPod(f.pod)
		}
	}
}

func compareKeys(a, b facts.PodKey) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

// admit gives a pod without a priority that of its class, as the API server's admission does.
func (c *collector) admit(p *corev1.Pod) *facts.Pod {
	name := p.Spec.PriorityClassName
	priority, ok := facts.SystemClasses()[name]
	if known, given := c.classes[name]; given {
		priority, ok = known.value.value, true
	}
	switch {
	case name == "":
		priority = c.defaultPriority()
	case !ok:
		c.omitted.count(omittedClasses, p.Namespace+"/"+p.Name+": "+name)
	}
	p.Spec.Priority = &priority
	return extract.Pod(p)
}

// defaultPriority is that of the class which is the global default; of several, the lowest counts, as admission has it
// (kubernetes/plugin/pkg/admission/priority/admission.go, v1.37.2).
func (c *collector) defaultPriority() (priority int32) {
	found := false
	for _, k := range c.classes {
		if k.value.globalDefault && (!found || k.value.value < priority) {
			priority, found = k.value.value, true
		}
	}
	return priority
}

// unmatched notes readings that match no node or pod, and nodes and pods that have none although others have.
func (c *collector) unmatched(s *Snapshot) {
	strangers, nodes := map[string]bool{}, map[string]bool{}
	for _, r := range append(slices.Collect(maps.Values(s.Kubelets)), s.Metrics.(*Readings)) {
		for key := range r.Pods {
			if _, ok := c.pods[key]; !ok {
				strangers[key.String()] = true
			}
		}
		for name := range r.Nodes {
			if !s.hasNode(name) {
				nodes[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(strangers)) {
		c.omitted.count(omittedStrangers, name)
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		c.omitted.count(omittedStrangeNodes, name)
	}
	c.unread(s)
}

// unread notes nodes, and pods with a running container, that have no reading although others have. Where nobody has one,
// the orders say so.
func (c *collector) unread(s *Snapshot) {
	nodesRead, podsRead := len(c.nodeUsage)+len(c.kubelets) > 0, len(c.podUsage)+len(c.kubelets) > 0
	s.unread(&c.omitted, nodesRead, podsRead, time.Time{})
}

// unread counts what has no reading. Pods that have started since a time, which may be zero, cannot have any yet.
func (s *Snapshot) unread(o *omissions, nodesRead, podsRead bool, since time.Time) {
	for i := range s.Nodes {
		n := &s.Nodes[i]
		r := s.ReadingsOf(n.Name)
		if _, ok := r.Node(n.Name); !ok && nodesRead {
			o.count(omittedUnreadNodes, n.Name)
		}
		for _, p := range s.PodsOf(n.Name) {
			young := !since.IsZero() && p.Started() > since.UnixNano()
			if _, ok := r.Pod(p.Namespace, p.Name); !ok && podsRead && !young && p.HasKubeletStats(n.SandboxStats) {
				o.count(omittedUnreadPods, p.Namespace+"/"+p.Name)
			}
		}
	}
}

// Unmatched notes, of what was read of a living cluster, nodes and pods without a reading though others have one, and readings
// that match no node or pod. Pods come and go while a cluster is read: those that have started since a time may have no
// reading yet, and a tenth of the readings, or two of few, may be of what is gone. pods and nodes are how many readings
// metrics.k8s.io has given; they count for the nodes whose kubelets were not read.
func (s *Snapshot) Unmatched(pods, nodes int, since time.Time) []string {
	o := &omissions{}
	matchedPods, matchedNodes := 0, 0
	for i := range s.Nodes {
		name := s.Nodes[i].Name
		if _, ok := s.Metrics.Node(name); ok {
			matchedNodes++
		}
		for _, p := range s.PodsOf(name) {
			if _, ok := s.Metrics.Pod(p.Namespace, p.Name); ok {
				matchedPods++
			}
		}
		s.strangersOn(o, name)
	}
	s.unread(o, matchedNodes+len(s.Kubelets) > 0, matchedPods+len(s.Kubelets) > 0, since)
	notes := o.notes()
	if len(s.Kubelets) == len(s.Nodes) {
		return notes
	}
	for _, part := range []struct {
		of           string
		all, matched int
	}{{"pods", pods, matchedPods}, {"nodes", nodes, matchedNodes}} {
		if strange := part.all - part.matched; tooMany(strange, part.all) {
			notes = append(notes, fmt.Sprintf(
				"%d of %d readings of %s in metrics.k8s.io match none of the %s read here, so they are in no order",
				strange, part.all, part.of, part.of))
		}
	}
	return notes
}

// tooMany reports whether so many of all readings match nothing that pods which come and go do not explain it.
func tooMany(strange, all int) bool {
	return strange == all && all > 0 || strange > 2 && strange*10 > all
}

// strangersOn counts the pods that a kubelet has readings of and the API server does not know, if they are more than a tenth.
func (s *Snapshot) strangersOn(o *omissions, node string) {
	r := s.Kubelets[node]
	if r == nil {
		return
	}
	known := map[facts.PodKey]bool{}
	for _, p := range s.PodsOf(node) {
		known[facts.PodKey{Namespace: p.Namespace, Name: p.Name}] = true
	}
	var strangers []string
	read := r.pods()
	for _, key := range read {
		if !known[key] {
			strangers = append(strangers, key.String())
		}
	}
	if !tooMany(len(strangers), len(read)) {
		return
	}
	slices.Sort(strangers)
	for _, name := range strangers {
		o.count(omittedStrangers, name)
	}
}
