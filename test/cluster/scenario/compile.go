package scenario

import (
	"fmt"
	"hash/fnv"
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	defaultVersion  = "v1.37.2"
	defaultRuntime  = "containerd://2.4.2"
	defaultRSS      = 0.96  // the rest is page cache in active use
	defaultCPU      = 0.005 // cores
	defaultNodeCPU  = "4"
	defaultNodePods = "110"
)

// classes is a scenario file with every value parsed.
type classes struct {
	model Model
	nodes []nodeEntry
	pods  []*PodClass
}

type nodeEntry struct {
	name  string
	count int // 0: one node called name
	class *NodeClass
}

func compile(f *file) (*classes, error) {
	out := &classes{model: Model{Seed: f.Seed}}
	namespaces, err := decodeEach[namespaceSpec]("namespaces", f.Namespaces)
	if err != nil {
		return nil, err
	}
	for _, n := range namespaces {
		out.model.Namespaces = append(out.model.Namespaces, Namespace(n))
	}
	priorities, err := decodeEach[priorityClassSpec]("priorityClasses", f.PriorityClasses)
	if err != nil {
		return nil, err
	}
	for _, p := range priorities {
		out.model.PriorityClasses = append(out.model.PriorityClasses, PriorityClass(p))
	}
	if err := out.compileNodes(f); err != nil {
		return nil, err
	}
	return out, out.compilePods(f)
}

func (c *classes) compileNodes(f *file) error {
	specs, err := decodeEach[nodeSpec]("nodes", f.Nodes)
	if err != nil {
		return err
	}
	for i := range specs {
		entry, err := compileNode(entryName("nodes", i, f.Nodes[i]), &specs[i])
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, entry)
	}
	return nil
}

func compileNode(object string, s *nodeSpec) (nodeEntry, error) {
	f := &fields{object: object}
	f.name("name", s.Name)
	count := 0
	if s.Count != nil {
		count = *s.Count
		f.check(count > 0, "count", "want at least 1, have %d", count)
	}
	class := &NodeClass{
		Labels:   s.Labels,
		Capacity: f.resources("capacity", s.Capacity),
		Swap:     f.bytes("swap", s.Swap),
		OS:       orDefault(s.OS, "linux"),
		Runtime:  orDefault(s.Runtime, defaultRuntime),
		Kubelet:  compileKubelet(f, &s.Kubelet),
		System: System{
			Kubelet: f.curve("system.kubelet", s.System.Kubelet),
			Runtime: f.curve("system.runtime", s.System.Runtime),
			Other:   f.curve("system.other", s.System.Other),
		},
	}
	f.check(!class.Capacity.Memory().IsZero(), "capacity.memory", "is missing")
	if f.err != nil {
		return nodeEntry{}, f.err
	}
	setDefault(class.Capacity, corev1.ResourceCPU, defaultNodeCPU)
	setDefault(class.Capacity, corev1.ResourcePods, defaultNodePods)
	class.Allocatable = allocatable(f, class)
	maps.Copy(class.Allocatable, f.resources("allocatable", s.Allocatable))
	return nodeEntry{name: s.Name, count: count, class: class}, f.err
}

// templateHash is the label by which a Deployment tells its revisions apart.
func templateHash(template []byte) string {
	h := fnv.New32a()
	h.Write(template)
	return rand.SafeEncodeString(fmt.Sprint(h.Sum32()))
}

func (c *classes) compilePods(f *file) error {
	specs, err := decodeEach[podSpec]("pods", f.Pods)
	if err != nil {
		return err
	}
	for i := range specs {
		class, err := compilePod(entryName("pods", i, f.Pods[i]), &specs[i])
		if err != nil {
			return err
		}
		class.TemplateHash = templateHash(f.Pods[i])
		c.pods = append(c.pods, class)
	}
	return nil
}

func compilePod(object string, s *podSpec) (*PodClass, error) {
	f := &fields{object: object}
	f.name("name", s.Name)
	f.name("namespace", s.Namespace)
	f.oneOf("owner", s.Owner, "", "Deployment", "StatefulSet", "DaemonSet", "Job", "Node")
	f.oneOf("state", s.State, "",
		string(Running), string(ContainerCreating), string(ImagePullBackOff), string(CrashLoopBackOff), string(Succeeded))
	class := &PodClass{
		Name: s.Name, Namespace: s.Namespace, Owner: s.Owner,
		On: s.Nodes, PerNode: 1,
		Labels: s.Labels, Annotations: s.Annotations,
		PriorityClass: s.PriorityClass,
		State:         State(orDefault(s.State, string(Running))),
		GracePeriod:   s.GracePeriod,
	}
	if s.PerNode != nil {
		class.PerNode = *s.PerNode
		f.check(class.PerNode > 0, "perNode", "want at least 1, have %d", class.PerNode)
	}
	for i, pattern := range s.Nodes {
		_, err := path.Match(pattern, "")
		f.check(err == nil, fmt.Sprintf("nodes[%d]", i), "bad pattern %q", pattern)
	}
	if s.Resources != nil {
		r := f.requirements("resources.", s.Resources.Requests, s.Resources.Limits)
		class.Resources = &r
	}
	regular := slices.ContainsFunc(s.Containers, func(c containerSpec) bool { return !c.Sidecar })
	f.check(regular, "containers", "want at least one that is no sidecar")
	for i := range s.Containers {
		class.Containers = append(class.Containers, compileContainer(f, fmt.Sprintf("containers[%d].", i), s, &s.Containers[i]))
	}
	return class, f.err
}

func compileContainer(f *fields, prefix string, pod *podSpec, s *containerSpec) Container {
	f.name(prefix+"name", s.Name)
	c := Container{
		Name:       s.Name,
		Image:      orDefault(s.Image, "registry.example.com/"+pod.Namespace+"/"+pod.Name+":1.0"),
		Sidecar:    s.Sidecar,
		Resources:  f.requirements(prefix, s.Requests, s.Limits),
		Usage:      f.curve(prefix+"usage", s.Usage),
		RSS:        f.percent(prefix+"rss", s.RSS, defaultRSS),
		Swap:       f.bytes(prefix+"swap", s.Swap),
		CPU:        defaultCPU,
		Unmeasured: s.Unmeasured,
	}
	if s.CPUUsage != "" {
		q := f.quantity(prefix+"cpuUsage", s.CPUUsage)
		c.CPU = q.AsApproximateFloat64()
	}
	if limit, ok := c.Resources.Limits[corev1.ResourceMemory]; ok {
		peak := max(c.Usage.From, c.Usage.To)
		f.check(peak <= limit.Value(), prefix+"usage",
			"goes up to %d bytes, over the limit %s: the kernel would have killed it", peak, limit.String())
	}
	return c
}

func (f *fields) name(field, name string) {
	f.check(name != "", field, "is missing")
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		f.fail(field, "%q: %s", name, problems[0])
	}
}

func (f *fields) oneOf(field, value string, allowed ...string) {
	f.check(slices.Contains(allowed, value), field, "want one of %s, have %q", strings.TrimPrefix(strings.Join(allowed, ", "), ", "), value)
}

func orDefault(value, absent string) string {
	if value == "" {
		return absent
	}
	return value
}

func setDefault(list corev1.ResourceList, name corev1.ResourceName, value string) {
	if _, ok := list[name]; !ok {
		list[name] = resource.MustParse(value)
	}
}
