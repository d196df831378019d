package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
)

// names renames consistently, and keeps the order of names: orders end on names, so an answer from what was redacted is
// the original's up to renaming.
type names struct {
	prefix  string
	renamed map[string]string
}

func newNames(prefix string) *names { return &names{prefix: prefix, renamed: map[string]string{}} }

// learn a name. All names are learned before the first is asked for.
func (n *names) learn(name string) {
	if name != "" {
		n.renamed[name] = name
	}
}

// settle numbers the names in their order, with as many digits as the last needs.
func (n *names) settle() {
	sorted := slices.Sorted(maps.Keys(n.renamed))
	width := len(fmt.Sprint(len(sorted)))
	for i, name := range sorted {
		n.renamed[name] = fmt.Sprintf("%s-%0*d", n.prefix, width, i+1)
	}
}

func (n *names) of(name string) string { return n.renamed[name] }

// redaction renames what a snapshot names.
type redaction struct {
	nodes, namespaces, pods, containers, workloads, classes *names
	// ids are the containers' short IDs. uids are the pods' new UIDs by the old ones, and sameName counts the pods of one name.
	ids      *names
	uids     map[types.UID]types.UID
	sameName map[string]int
	// labels are the keys that the policy's selectors ask for; they stay, with their values.
	labels sets.Set[string]
}

// keptNamespace is a namespace that a rule names: production is all but kube-system, unless the policy says otherwise.
const keptNamespace = "kube-system"

func newRedaction(c *Content) *redaction {
	r := &redaction{
		nodes: newNames("node"), namespaces: newNames("namespace"), pods: newNames("pod"),
		containers: newNames("container"), workloads: newNames("workload"), classes: newNames("class"),
		ids: newNames("0"), uids: map[types.UID]types.UID{}, sameName: map[string]int{},
		labels: sets.New(v1alpha1.LabelCritical),
	}
	for i := range c.Nodes {
		r.nodes.learn(c.Nodes[i].Name)
	}
	for i := range c.Namespaces {
		r.namespaces.learn(c.Namespaces[i].Name)
	}
	for i := range c.PriorityClasses {
		r.classes.learn(c.PriorityClasses[i].Name)
	}
	for i := range c.Pods {
		r.learnPod(&c.Pods[i])
	}
	r.learnMetrics(c)
	r.learnDeaths(c)
	r.learnLabels(c.Policy)
	for _, n := range []*names{r.nodes, r.namespaces, r.pods, r.containers, r.workloads, r.classes, r.ids} {
		n.settle()
	}
	for i := range c.Pods { // the pods that are there have the plain UID
		r.uid(c.Pods[i].Namespace, c.Pods[i].Name, c.Pods[i].UID)
	}
	for name := range r.classes.renamed {
		if strings.HasPrefix(name, "system-") {
			r.classes.renamed[name] = name
		}
	}
	r.namespaces.renamed[keptNamespace] = keptNamespace
	return r
}

func (r *redaction) learnPod(p *corev1.Pod) {
	r.nodes.learn(p.Spec.NodeName)
	r.namespaces.learn(p.Namespace)
	r.pods.learn(p.Name)
	r.classes.learn(p.Spec.PriorityClassName)
	r.workloads.learn(extract.WorkloadOf(p).Name)
	eachContainerName(p, func(name *string) { r.containers.learn(*name) })
}

func (r *redaction) learnMetrics(c *Content) {
	for i := range c.PodMetrics {
		m := &c.PodMetrics[i]
		r.namespaces.learn(m.Namespace)
		r.pods.learn(m.Name)
		for j := range m.Containers {
			r.containers.learn(m.Containers[j].Name)
		}
	}
	for i := range c.NodeMetrics {
		r.nodes.learn(c.NodeMetrics[i].Name)
	}
}

func (r *redaction) learnLabels(p *v1alpha1.KillOrderPolicy) {
	if p == nil {
		return
	}
	for _, s := range []*metav1.LabelSelector{
		p.Spec.Critical.PodSelector, p.Spec.Critical.NamespaceSelector, p.Spec.Production.NamespaceSelector,
	} {
		if s == nil {
			continue
		}
		for key := range s.MatchLabels {
			r.labels.Insert(key)
		}
		for i := range s.MatchExpressions {
			r.labels.Insert(s.MatchExpressions[i].Key)
		}
	}
}

// nodeLabels by which rules know what a node is.
var nodeLabels = []string{
	corev1.LabelOSStable, extract.LabelNodeType, extract.LabelLiqoType, extract.LabelEKSCompute, "kubernetes.azure.com/cluster",
}

func (r *redaction) node(n *corev1.Node) corev1.Node {
	name := r.nodes.of(n.Name)
	out := corev1.Node{
		TypeMeta:   kindNode,
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), ResourceVersion: n.ResourceVersion},
		Status: corev1.NodeStatus{
			Capacity: commonResources(n.Status.Capacity), Allocatable: commonResources(n.Status.Allocatable),
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: n.Status.NodeInfo.KubeletVersion, ContainerRuntimeVersion: n.Status.NodeInfo.ContainerRuntimeVersion,
				OperatingSystem: n.Status.NodeInfo.OperatingSystem, OSImage: n.Status.NodeInfo.OSImage,
				KernelVersion: n.Status.NodeInfo.KernelVersion, Swap: n.Status.NodeInfo.Swap,
			},
		},
	}
	out.Labels = only(n.Labels, func(key string) bool { return slices.Contains(nodeLabels, key) })
	if _, ok := n.Annotations[extract.AnnotationKWOK]; ok {
		metav1.SetMetaDataAnnotation(&out.ObjectMeta, extract.AnnotationKWOK, "fake")
	}
	for _, c := range n.Status.Conditions {
		switch c.Type {
		case corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure:
			c.Message = ""
			out.Status.Conditions = append(out.Status.Conditions, c)
		}
	}
	return out
}

// keep returns the labels that the policy asks for.
func (r *redaction) keep(all map[string]string) map[string]string {
	kept := only(all, r.labels.Has)
	for key, value := range kept {
		kept[key] = r.value(key, value)
	}
	return kept
}

// value of a label: that of a namespace's name is renamed with the namespace.
func (r *redaction) value(key, value string) string {
	if key == corev1.LabelMetadataName {
		return r.namespaces.of(value)
	}
	return value
}

// policy returns the policy with the namespaces that its selectors name renamed.
func (r *redaction) policy(p *v1alpha1.KillOrderPolicy) *v1alpha1.KillOrderPolicy {
	if p == nil {
		return nil
	}
	out := &v1alpha1.KillOrderPolicy{
		TypeMeta: kindPolicy, ObjectMeta: metav1.ObjectMeta{Name: p.Name}, Spec: *p.Spec.DeepCopy(),
		Status: v1alpha1.KillOrderPolicyStatus{LastPassAt: p.Status.LastPassAt},
	}
	for _, s := range []*metav1.LabelSelector{out.Spec.Critical.NamespaceSelector, out.Spec.Production.NamespaceSelector} {
		if s == nil {
			continue
		}
		for key, value := range s.MatchLabels {
			s.MatchLabels[key] = r.value(key, value)
		}
		for i := range s.MatchExpressions {
			e := &s.MatchExpressions[i]
			for j := range e.Values {
				e.Values[j] = r.value(e.Key, e.Values[j])
			}
		}
	}
	return out
}

func (r *redaction) namespace(n *corev1.Namespace) corev1.Namespace {
	return corev1.Namespace{
		TypeMeta:   kindNamespace,
		ObjectMeta: metav1.ObjectMeta{Name: r.namespaces.of(n.Name), Labels: r.keep(n.Labels)},
	}
}

func (r *redaction) class(p *schedulingv1.PriorityClass) schedulingv1.PriorityClass {
	return schedulingv1.PriorityClass{
		TypeMeta:   kindPriorityClass,
		ObjectMeta: metav1.ObjectMeta{Name: r.classes.of(p.Name)}, Value: p.Value, GlobalDefault: p.GlobalDefault,
	}
}
