package snapshot

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// collector turns objects into facts as they are read: an object takes kilobytes, its facts some hundred bytes.
type collector struct {
	// ctx is that of the one Read which the collector serves.
	ctx     context.Context
	options *Options
	objects int
	omitted omissions

	nodes      map[string]kept[facts.Node]
	pods       map[facts.PodKey]kept[podFacts]
	namespaces map[string]kept[labels.Set]
	classes    map[string]kept[class]
	policies   map[string]kept[v1alpha1.KillOrderPolicy]
	orders     map[string]kept[*v1alpha1.NodeKillOrder]
	podUsage   map[facts.PodKey]kept[facts.PodReading]
	nodeUsage  map[string]kept[facts.NodeReading]
	// kubelets and configs by node; loose configurations name no node.
	kubelets map[string]kept[*Readings]
	configs  map[string]kept[*facts.KubeletConfig]
	loose    []looseConfig
}

// podFacts is what is kept of a pod.
type podFacts struct {
	// pod is nil where the pod counts on no node: it has finished, or no node yet.
	pod *facts.Pod
	// unadmitted pods have no priority yet, only the name of a class that may be read later.
	unadmitted *corev1.Pod
}

// class is what is kept of a PriorityClass.
type class struct {
	value         int32
	globalDefault bool
}

func newCollector(ctx context.Context, o *Options) *collector {
	return &collector{
		ctx: ctx, options: o,
		nodes:      map[string]kept[facts.Node]{},
		pods:       map[facts.PodKey]kept[podFacts]{},
		namespaces: map[string]kept[labels.Set]{},
		classes:    map[string]kept[class]{},
		policies:   map[string]kept[v1alpha1.KillOrderPolicy]{},
		orders:     map[string]kept[*v1alpha1.NodeKillOrder]{},
		podUsage:   map[facts.PodKey]kept[facts.PodReading]{},
		nodeUsage:  map[string]kept[facts.NodeReading]{},
		kubelets:   map[string]kept[*Readings]{},
		configs:    map[string]kept[*facts.KubeletConfig]{},
	}
}

func (c *collector) progress() {
	c.objects++
	if c.options.Progress != nil {
		c.options.Progress(c.objects)
	}
}

// momentOf an object.
func momentOf(at location, o metav1.Object) moment {
	return moment{version: o.GetResourceVersion(), from: at.file, document: at.document}
}

// readAt is the moment of a reading.
func readAt(at location, observed time.Time) moment {
	return moment{at: observed, from: at.file, document: at.document}
}

func (c *collector) node(at location, n *corev1.Node) error {
	if c.options.Node != nil {
		c.options.Node(n)
	}
	return keep(c, c.nodes, "Node", n.Name, kept[facts.Node]{momentOf(at, n), extract.Node(n)})
}

func (c *collector) pod(at location, p *corev1.Pod) error {
	if c.options.Pod != nil {
		c.options.Pod(p)
	}
	var f podFacts
	switch {
	case !extract.Candidate(p):
	case p.Spec.Priority == nil:
		f.unadmitted = slimPod(p)
	default:
		f.pod = extract.Pod(p)
	}
	return keep(c, c.pods, "Pod", facts.PodKey{Namespace: p.Namespace, Name: p.Name}, kept[podFacts]{momentOf(at, p), f})
}

func (c *collector) namespace(at location, n *corev1.Namespace) error {
	return keep(c, c.namespaces, "Namespace", n.Name, kept[labels.Set]{momentOf(at, n), n.Labels})
}

func (c *collector) priorityClass(at location, p *schedulingv1.PriorityClass) error {
	return keep(c, c.classes, "PriorityClass", p.Name, kept[class]{momentOf(at, p), class{p.Value, p.GlobalDefault}})
}

func (c *collector) podMetrics(at location, m *metrics.PodMetrics) error {
	key := facts.PodKey{Namespace: m.Namespace, Name: m.Name}
	r, unusable := extract.PodMetrics(m)
	if unusable != nil {
		c.omitted.count(omittedReadings, "PodMetrics "+key.String()+": "+unusable.Error())
		return nil //nolint:nilerr // a note says so
	}
	return keep(c, c.podUsage, "PodMetrics", key, kept[facts.PodReading]{readAt(at, r.ObservedAt), r})
}

func (c *collector) nodeMetrics(at location, m *metrics.NodeMetrics) error {
	r, unusable := extract.NodeMetrics(m)
	if unusable != nil {
		c.omitted.count(omittedReadings, "NodeMetrics "+m.Name+": "+unusable.Error())
		return nil //nolint:nilerr // a note says so
	}
	return keep(c, c.nodeUsage, "NodeMetrics", m.Name, kept[facts.NodeReading]{readAt(at, r.ObservedAt), r})
}

// policy takes a policy that may not have been through the API server, which would have set the podSelector's
// default; NewPolicy sets the others.
func (c *collector) policy(at location, k *v1alpha1.KillOrderPolicy) error {
	if k.Spec.Critical.PodSelector == nil {
		k.Spec.Critical.PodSelector = extract.DefaultPodSelector()
	}
	if _, err := extract.NewPolicy(k); err != nil {
		return err
	}
	return keep(c, c.policies, "KillOrderPolicy", k.Name, kept[v1alpha1.KillOrderPolicy]{momentOf(at, k), *k})
}

// killOrder takes what the operator published for a node.
func (c *collector) killOrder(at location, k *v1alpha1.NodeKillOrder) error {
	k.ManagedFields = nil
	return keep(c, c.orders, "NodeKillOrder", k.Name, kept[*v1alpha1.NodeKillOrder]{momentOf(at, k), k})
}
