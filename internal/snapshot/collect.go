package snapshot

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/labels"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// collector turns objects into facts as they are read: an object takes kilobytes, its facts some hundred bytes.
type collector struct {
	snapshot Snapshot
	metrics  *Readings
	pods     []*facts.Pod
	// listed are all pods read, finished ones too.
	listed map[Key]bool
	// unadmitted pods have no priority yet, only the name of a class that may be read later.
	unadmitted []*corev1.Pod
	classes    map[string]int32
	// defaultClass is the priority of the class that is the global default.
	defaultClass int32
	configs      map[string]*facts.KubeletConfig
	seen         map[string]sighting
	seed         maphash.Seed
	omitted      omissions
	objects      int
	report       func(objects int)
}

func newCollector(report func(objects int)) *collector {
	return &collector{
		snapshot: Snapshot{
			Pods:       map[string][]*facts.Pod{},
			Namespaces: map[string]labels.Set{},
			Policy:     extract.DefaultPolicy(),
			Kubelets:   map[string]*Readings{},
		},
		metrics: NewReadings(),
		listed:  map[Key]bool{},
		classes: map[string]int32{"system-cluster-critical": facts.SystemCriticalPriority, "system-node-critical": 2000001000},
		configs: map[string]*facts.KubeletConfig{},
		seen:    map[string]sighting{},
		seed:    maphash.MakeSeed(),
		report:  report,
	}
}

func (c *collector) progress() {
	c.objects++
	if c.report != nil {
		c.report(c.objects)
	}
}

func (c *collector) skip(kind string) { c.omitted.count(omittedKinds, kind) }

func (c *collector) node(n *corev1.Node) error {
	c.snapshot.Nodes = append(c.snapshot.Nodes, extract.Node(n))
	return nil
}

func (c *collector) pod(p *corev1.Pod) error {
	c.listed[Key{p.Namespace, p.Name}] = true
	switch {
	case !extract.Candidate(p):
	case p.Spec.Priority == nil:
		c.unadmitted = append(c.unadmitted, p)
	default:
		c.pods = append(c.pods, extract.Pod(p))
	}
	return nil
}

func (c *collector) namespace(n *corev1.Namespace) error {
	c.snapshot.Namespaces[n.Name] = n.Labels
	return nil
}

func (c *collector) priorityClass(p *schedulingv1.PriorityClass) error {
	c.classes[p.Name] = p.Value
	if p.GlobalDefault {
		c.defaultClass = p.Value
	}
	return nil
}

func (c *collector) podMetrics(m *metrics.PodMetrics) error {
	key := Key{m.Namespace, m.Name}
	r, unusable := extract.PodMetrics(m)
	if unusable != nil {
		c.omitted.count(omittedReadings, "PodMetrics "+key.String()+": "+unusable.Error())
	} else {
		c.metrics.Pods[key] = r
	}
	return nil
}

func (c *collector) nodeMetrics(m *metrics.NodeMetrics) error {
	r, unusable := extract.NodeMetrics(m)
	if unusable != nil {
		c.omitted.count(omittedReadings, "NodeMetrics "+m.Name+": "+unusable.Error())
	} else {
		c.metrics.Nodes[m.Name] = r
	}
	return nil
}

// policy takes a policy that may not have been through the API server, which would have set the podSelector's
// default; NewPolicy sets the others.
func (c *collector) policy(k *v1alpha1.KillOrderPolicy) (err error) {
	if k.Spec.Critical.PodSelector == nil {
		k.Spec.Critical.PodSelector = extract.DefaultPodSelector()
	}
	c.snapshot.Policy, err = extract.NewPolicy(k)
	return err
}

// finish joins what was read.
func (c *collector) finish() *Snapshot {
	s := &c.snapshot
	s.Metrics = c.metrics
	slices.SortFunc(s.Nodes, func(a, b facts.Node) int { return strings.Compare(a.Name, b.Name) })
	c.admit()
	c.joinNodes()
	c.joinPods()
	c.setClock()
	s.Notes = c.omitted.notes()
	return s
}

// admit gives pods without a priority that of their class, as the API server's admission does.
func (c *collector) admit() {
	for _, p := range c.unadmitted {
		class := p.Spec.PriorityClassName
		priority, ok := c.classes[class]
		switch {
		case class == "":
			priority = c.defaultClass
		case !ok:
			c.omitted.count(omittedClasses, p.Namespace+"/"+p.Name+": "+class)
		}
		p.Spec.Priority = &priority
		c.pods = append(c.pods, extract.Pod(p))
	}
	c.unadmitted = nil
}

func (c *collector) joinNodes() {
	for i := range c.snapshot.Nodes {
		n := &c.snapshot.Nodes[i]
		n.Config = c.configs[n.Name]
		switch {
		case !n.Linux:
			c.omitted.count(omittedKernels, n.Name+": "+n.NotLinux)
		case n.Capacity <= 0:
			c.omitted.count(omittedCapacity, n.Name)
		}
	}
	for _, name := range c.answering() {
		if !c.hasNode(name) {
			c.omitted.count(omittedKubelets, name)
			delete(c.snapshot.Kubelets, name)
		}
	}
}

// hasNode looks a node up among the sorted nodes.
func (c *collector) hasNode(name string) bool {
	_, ok := slices.BinarySearchFunc(c.snapshot.Nodes, name, func(n facts.Node, name string) int {
		return strings.Compare(n.Name, name)
	})
	return ok
}

// answering returns the nodes whose kubelets' answers were read, in order.
func (c *collector) answering() []string {
	names := slices.Collect(maps.Keys(c.snapshot.Kubelets))
	for name := range c.configs {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c *collector) joinPods() {
	for _, p := range c.pods {
		if !c.hasNode(p.Node) {
			c.omitted.count(omittedPods, p.Namespace+"/"+p.Name+" on "+p.Node)
			continue
		}
		c.snapshot.Pods[p.Node] = append(c.snapshot.Pods[p.Node], p)
	}
	var strangers []string
	note := func(r *Readings) {
		for key := range r.Pods {
			if !c.listed[key] {
				strangers = append(strangers, key.String())
			}
		}
	}
	note(c.metrics)
	for _, r := range c.snapshot.Kubelets {
		note(r)
	}
	slices.Sort(strangers)
	for _, name := range slices.Compact(strangers) {
		c.omitted.count(omittedStrangers, name)
	}
}
