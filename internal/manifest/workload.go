package manifest

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/snapshot"
)

// templates are where the kinds of workloads have their pod's template, as a path of fields.
var templates = map[string][]string{
	"Pod":         {},
	"PodTemplate": {"template"},
	"Deployment":  {"spec", "template"}, "StatefulSet": {"spec", "template"}, "DaemonSet": {"spec", "template"},
	"ReplicaSet": {"spec", "template"}, "ReplicationController": {"spec", "template"}, "Job": {"spec", "template"},
	"CronJob": {"spec", "jobTemplate", "spec", "template"},
}

// groups of the kinds above, without versions.
var groups = map[string]bool{"": true, "apps": true, "batch": true, "extensions": true}

func (c *collector) workload(file string, n *yaml.Node, raw []byte, meta *metav1.PartialObjectMetadata) error {
	path, known := templates[meta.Kind]
	if known = known && groups[meta.GroupVersionKind().Group]; !known {
		if field(n, "spec", "template", "spec", "containers") != nil {
			c.unknown.add(fmt.Sprintf("%s %s (%s) in %s", meta.Kind, meta.Name, meta.APIVersion, file))
		}
		return nil
	}
	if len(c.m.Workloads) >= mostWorkloads {
		return fmt.Errorf("more than %d workloads", mostWorkloads)
	}
	template := n
	if len(path) > 0 {
		if template = field(n, path...); template == nil {
			return fmt.Errorf("%s: missing", strings.Join(path, "."))
		}
		var err error
		if raw, err = toJSON(template); err != nil {
			return err
		}
	}
	pod := &corev1.Pod{}
	if err := snapshot.Decode(raw, pod); err != nil {
		return fmt.Errorf("%s%w", prefix(path), err)
	}
	if len(pod.Spec.Containers) == 0 {
		return fmt.Errorf("%sspec.containers: missing", prefix(path))
	}
	if err := notNegative(&pod.Spec); err != nil {
		return fmt.Errorf("%sspec.%w", prefix(path), err)
	}
	pod.Namespace, pod.Status = namespaceOf(meta), corev1.PodStatus{}
	pod.Name = meta.Name
	if meta.Name == "" {
		pod.Name = meta.GenerateName
	}
	if meta.Kind != "Pod" {
		pod.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: meta.APIVersion, Kind: meta.Kind, Name: meta.Name, Controller: new(true)},
		}
	}
	replicas, err := replicasOf(n)
	if err != nil {
		return err
	}
	c.m.Workloads = append(c.m.Workloads, Workload{
		Kind: meta.Kind, Namespace: pod.Namespace, Name: pod.Name, File: file, Line: n.Line, Pod: pod,
		NamespaceAssumed: meta.Namespace == "", Replicas: replicas,
		Annotations: meta.Annotations, lines: linesOf(field(template, "spec")),
	})
	return nil
}

// replicasOf an object; -1 if it does not say.
func replicasOf(n *yaml.Node) (count int32, err error) {
	of := field(n, "spec", "replicas")
	if of == nil || of.Tag == "!!null" {
		return -1, nil
	}
	if err := of.Decode(&count); err != nil || count < 0 {
		return 0, fmt.Errorf("spec.replicas: %q is not a number of replicas", of.Value)
	}
	return count, nil
}

// notNegative refuses what the API server refuses: an amount below 0.
func notNegative(spec *corev1.PodSpec) error {
	for field, list := range map[string][]corev1.Container{"initContainers": spec.InitContainers, "containers": spec.Containers} {
		for i := range list {
			if err := notNegativeIn(&list[i].Resources); err != nil {
				return fmt.Errorf("%s[%d].%w", field, i, err)
			}
		}
	}
	if spec.Resources != nil {
		return notNegativeIn(spec.Resources)
	}
	return nil
}

func notNegativeIn(r *corev1.ResourceRequirements) error {
	for field, list := range map[string]corev1.ResourceList{"requests": r.Requests, "limits": r.Limits} {
		for name, q := range list {
			if q.Sign() < 0 {
				return fmt.Errorf("resources.%s.%s: %q is negative", field, name, q.String())
			}
		}
	}
	return nil
}

func prefix(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return strings.Join(path, ".") + "."
}

// lines are where containers' resources stand, or the containers, by name; the pod's spec by "".
type lines map[string]int

func linesOf(spec *yaml.Node) lines {
	l := lines{}
	if spec == nil {
		return l
	}
	l[""] = spec.Line
	for _, list := range []string{"initContainers", "containers"} {
		containers := field(spec, list)
		if containers == nil || containers.Kind != yaml.SequenceNode {
			continue
		}
		for _, c := range containers.Content {
			name := field(c, "name")
			if name == nil {
				continue
			}
			l[name.Value] = c.Line
			if key, _ := entry(c, "resources"); key != nil {
				l[name.Value] = key.Line
			}
		}
	}
	return l
}

// field returns the value at a path of fields, nil if there is none.
func field(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		_, n = entry(n, name)
	}
	return resolve(n)
}

// entry returns a mapping's key of that name and its value, nil if there are none.
func entry(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n = resolve(n); n != nil && n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				return n.Content[i], n.Content[i+1]
			}
		}
	}
	return nil, nil
}

func resolve(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
