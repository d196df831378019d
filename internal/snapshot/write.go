package snapshot

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
)

// Content is what a snapshot holds, as it was read from a cluster.
type Content struct {
	Nodes           []corev1.Node
	Pods            []corev1.Pod
	Namespaces      []corev1.Namespace
	PriorityClasses []schedulingv1.PriorityClass
	PodMetrics      []metrics.PodMetrics
	NodeMetrics     []metrics.NodeMetrics
	// Events of pods and nodes, and what the operator has published: what deaths are told by.
	Events []corev1.Event
	Orders []v1alpha1.NodeKillOrder
	// Policy is nil where the defaults apply.
	Policy *v1alpha1.KillOrderPolicy
	// Summaries and Configs are kubelets' answers to /stats/summary and /configz, by node.
	Summaries, Configs map[string][]byte
}

// Write hands over the files of a snapshot folder, which Read reads: what the orders rest on, and no more. put is called
// with each file's path, with slashes, and its content.
func Write(c *Content, put func(path string, content []byte) error) error {
	slim := *c
	slim.Pods = each(c.Pods, func(p *corev1.Pod) corev1.Pod { return *slimPod(p) })
	slim.Nodes = each(c.Nodes, func(n *corev1.Node) corev1.Node {
		node := *n
		node.TypeMeta, node.ObjectMeta, node.Status.Images = kindNode, slimMeta(&n.ObjectMeta), nil
		return node
	})
	slim.Events = each(c.Events, func(e *corev1.Event) corev1.Event {
		event := *e
		event.TypeMeta, event.ManagedFields = kindEvent, nil
		return event
	})
	slim.Orders = each(c.Orders, func(o *v1alpha1.NodeKillOrder) v1alpha1.NodeKillOrder {
		order := *o
		order.TypeMeta, order.ManagedFields = kindKillOrder, nil
		return order
	})
	return slim.put(put)
}

// each returns what f makes of each object.
func each[T any](all []T, f func(*T) T) (made []T) {
	made = slices.Grow(made, len(all))
	for i := range all {
		made = append(made, f(&all[i]))
	}
	return made
}

// Redact returns the content without names, labels, images, environment and annotations, but for what the rules need: all
// are renamed, each to the same name everywhere and in the same order. The answer from what is redacted is that of the
// original up to renaming. The error names what cannot be read, and so not be redacted.
func Redact(c *Content) (*Content, error) {
	r := newRedaction(c)
	out := &Content{
		Policy: r.policy(c.Policy), Nodes: each(c.Nodes, r.node), Pods: each(c.Pods, r.pod),
		Namespaces: each(c.Namespaces, r.namespace), PriorityClasses: each(c.PriorityClasses, r.class),
		Events: r.events(c.Events), Orders: each(c.Orders, r.order), Summaries: map[string][]byte{}, Configs: map[string][]byte{},
	}
	r.metrics(c, out)
	return out, r.answers(c, out)
}

func (r *redaction) metrics(c, out *Content) {
	out.PodMetrics = each(c.PodMetrics, func(m *metrics.PodMetrics) metrics.PodMetrics {
		pod := *m
		pod.ObjectMeta = metav1.ObjectMeta{Name: r.pods.of(m.Name), Namespace: r.namespaces.of(m.Namespace)}
		pod.Containers = slices.Clone(m.Containers)
		for i := range pod.Containers {
			pod.Containers[i].Name = r.containers.of(pod.Containers[i].Name)
		}
		return pod
	})
	out.NodeMetrics = each(c.NodeMetrics, func(m *metrics.NodeMetrics) metrics.NodeMetrics {
		node := *m
		node.ObjectMeta = metav1.ObjectMeta{Name: r.nodes.of(m.Name)}
		return node
	})
}

func (r *redaction) answers(c, out *Content) error {
	for node, answer := range c.Summaries {
		var s stats.Summary
		if err := Decode(answer, &s); err != nil {
			return fmt.Errorf("%s of node %s: %w", fileSummary, node, err)
		}
		raw, err := json.Marshal(r.summary(node, &s))
		if err != nil {
			return err
		}
		out.Summaries[r.nodes.of(node)] = raw
	}
	for node, answer := range c.Configs {
		var z extract.Configz
		if err := Decode(answer, &z); err != nil {
			return fmt.Errorf("%s of node %s: %w", fileConfigz, node, err)
		}
		raw, err := json.Marshal(&z)
		if err != nil {
			return err
		}
		out.Configs[r.nodes.of(node)] = raw
	}
	return nil
}

// summary keeps a Summary's memory and swap. Pods and containers that are in no object have no new name, and go.
func (r *redaction) summary(node string, s *stats.Summary) *stats.Summary {
	out := &stats.Summary{Node: stats.NodeStats{NodeName: r.nodes.of(node), Memory: s.Node.Memory, Swap: s.Node.Swap}}
	for i := range s.Node.SystemContainers {
		c := &s.Node.SystemContainers[i]
		out.Node.SystemContainers = append(out.Node.SystemContainers, stats.ContainerStats{Name: c.Name, Memory: c.Memory, Swap: c.Swap})
	}
	for i := range s.Pods {
		p := &s.Pods[i]
		ref := stats.PodReference{Name: r.pods.of(p.PodRef.Name), Namespace: r.namespaces.of(p.PodRef.Namespace)}
		if ref.Name == "" || ref.Namespace == "" {
			continue
		}
		pod := stats.PodStats{PodRef: ref, Memory: p.Memory, Swap: p.Swap}
		for j := range p.Containers {
			c := &p.Containers[j]
			if name := r.containers.of(c.Name); name != "" {
				pod.Containers = append(pod.Containers, stats.ContainerStats{Name: name, Memory: c.Memory, Swap: c.Swap})
			}
		}
		out.Pods = append(out.Pods, pod)
	}
	return out
}

func putJSON(put func(string, []byte) error, path string, object any) error {
	raw, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return put(path, raw)
}

// put hands over the files of the content.
func (c *Content) put(put func(string, []byte) error) error {
	for _, l := range []struct {
		path string
		kind metav1.TypeMeta
		list any
		n    int
	}{
		{"nodes.json", kindNode, c.Nodes, len(c.Nodes)},
		{"pods.json", kindPod, c.Pods, len(c.Pods)},
		{"namespaces.json", kindNamespace, c.Namespaces, len(c.Namespaces)},
		{"priorityclasses.json", kindPriorityClass, c.PriorityClasses, len(c.PriorityClasses)},
		{"pod-metrics.json", kindPodMetrics, c.PodMetrics, len(c.PodMetrics)},
		{"events.json", kindEvent, c.Events, len(c.Events)},
		{"nodekillorders.json", kindKillOrder, c.Orders, len(c.Orders)},
		{"node-metrics.json", kindNodeMetrics, c.NodeMetrics, len(c.NodeMetrics)},
	} {
		if l.n == 0 {
			continue
		}
		list := map[string]any{"apiVersion": l.kind.APIVersion, "kind": l.kind.Kind + kindList, "items": l.list}
		if err := putJSON(put, l.path, list); err != nil {
			return err
		}
	}
	if c.Policy != nil {
		policy := *c.Policy
		policy.TypeMeta, policy.ManagedFields = kindPolicy, nil
		if err := putJSON(put, "policy.json", &policy); err != nil {
			return err
		}
	}
	for _, a := range []struct {
		file    string
		answers map[string][]byte
	}{{fileSummary, c.Summaries}, {fileConfigz, c.Configs}} {
		for _, node := range slices.Sorted(maps.Keys(a.answers)) {
			if err := put(folderKubelet+"/"+node+"/"+a.file, a.answers[node]); err != nil {
				return err
			}
		}
	}
	return nil
}
