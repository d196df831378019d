package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
)

// collector gathers what is read.
type collector struct {
	ctx context.Context
	m   *Manifests
	// classes are the values of PriorityClasses by name, defaultClass that of the global default, if there is one.
	classes      map[string]int32
	defaultClass *int32
	limitRanges  map[string][]corev1.LimitRangeItem
	policy       *v1alpha1.KillOrderPolicy
	objects      int
	// unknown kinds that make pods, and what a folder holds that cannot be read, with an example of each.
	unknown, broken omitted
}

// omitted counts what was left out, with the first of it.
type omitted struct {
	n     int
	first string
}

func (o *omitted) add(text string) {
	if o.n++; o.n == 1 {
		o.first = text
	}
}

func newCollector(ctx context.Context) *collector {
	return &collector{
		ctx: ctx, m: &Manifests{Namespaces: map[string]labels.Set{}}, limitRanges: map[string][]corev1.LimitRangeItem{},
		classes: facts.SystemClasses(),
	}
}

func (c *collector) leftOut(err error) { c.broken.add(err.Error()) }

// document takes one document: an object, a List, or nothing.
func (c *collector) document(file string, document *yaml.Node) error {
	if document.Kind != yaml.DocumentNode || len(document.Content) == 0 {
		return nil
	}
	return c.object(file, document.Content[0])
}

func (c *collector) object(file string, n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	raw, err := toJSON(n)
	if err != nil {
		return fmt.Errorf("%s:%d: %w", file, n.Line, err)
	}
	var meta metav1.PartialObjectMetadata
	if err := snapshot.Decode(raw, &meta); err != nil {
		return fmt.Errorf("%s:%d: %w", file, n.Line, err)
	}
	if strings.HasSuffix(meta.Kind, "List") || field(n, "items") != nil && meta.Name == "" {
		return c.list(file, field(n, "items"))
	}
	if meta.Kind == "" {
		return fmt.Errorf("%s:%d: no kind: not a Kubernetes object", file, n.Line)
	}
	c.objects++
	if err := c.take(file, n, raw, &meta); err != nil {
		return fmt.Errorf("%s:%d: %s %s: %w", file, n.Line, meta.Kind, meta.Name, err)
	}
	return nil
}

func (c *collector) list(file string, items *yaml.Node) error {
	if items == nil || items.Kind != yaml.SequenceNode {
		return nil
	}
	for _, item := range items.Content {
		if err := c.object(file, item); err != nil {
			return err
		}
	}
	return nil
}

// toJSON turns a node into JSON. The YAML library refuses aliases that would become more than the document justifies.
func toJSON(n *yaml.Node) (json.RawMessage, error) {
	var value any
	if err := n.Decode(&value); err != nil {
		return nil, errors.New(notYAML(err))
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, errors.New("a key is not a string")
	}
	return raw, nil
}

// take takes an object by its kind. Objects that say nothing about pods are left out.
func (c *collector) take(file string, n *yaml.Node, raw []byte, meta *metav1.PartialObjectMetadata) error {
	switch meta.Kind {
	case "Namespace":
		c.m.Namespaces[meta.Name] = labels.Merge(labels.Set{corev1.LabelMetadataName: meta.Name}, meta.Labels)
	case "PriorityClass":
		var p schedulingv1.PriorityClass
		if err := snapshot.Decode(raw, &p); err != nil {
			return err
		}
		c.classes[p.Name] = p.Value
		if p.GlobalDefault {
			c.defaultClass = &p.Value
		}
	case "LimitRange":
		var l corev1.LimitRange
		if err := snapshot.Decode(raw, &l); err != nil {
			return err
		}
		ns := namespaceOf(meta)
		c.limitRanges[ns] = append(c.limitRanges[ns], l.Spec.Limits...)
	case "KillOrderPolicy":
		c.policy = &v1alpha1.KillOrderPolicy{}
		return snapshot.Decode(raw, c.policy)
	default:
		return c.workload(file, n, raw, meta)
	}
	return nil
}

func namespaceOf(meta *metav1.PartialObjectMetadata) string {
	if meta.Namespace == "" {
		return metav1.NamespaceDefault
	}
	return meta.Namespace
}

// NoWorkloadError says that nothing that was read makes pods.
type NoWorkloadError struct{ text string }

func (e *NoWorkloadError) Error() string { return e.text }

// note says how many were left out, with an example. One is the text for one, many is the text for more.
func (c *collector) note(o omitted, one, many string) {
	switch {
	case o.n == 1:
		c.m.Notes = append(c.m.Notes, fmt.Sprintf(one, o.first))
	case o.n > 1:
		c.m.Notes = append(c.m.Notes, fmt.Sprintf(many, o.n, o.first))
	}
}

// finish adds what the manifests say of each other, and checks that there is something to answer from.
func (c *collector) finish(paths []string) (*Manifests, error) {
	var err error
	c.m.Policy = extract.DefaultPolicy()
	if c.policy != nil {
		if c.m.Policy, err = extract.NewPolicy(c.policy); err != nil {
			return nil, fmt.Errorf("KillOrderPolicy: %w", err)
		}
	}
	c.m.DefaultClass = c.defaultClass != nil
	for i := range c.m.Workloads {
		c.admit(&c.m.Workloads[i])
	}
	c.note(c.broken, "1 file left out (%s)", "%d files left out (first: %s)")
	c.note(c.unknown, "1 object with a pod template skipped, since its kind is not known (%s)",
		"%d objects with pod templates skipped, since their kinds are not known (first: %s)")
	if len(c.m.Workloads) == 0 {
		text := fmt.Sprintf("%s: no Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or CronJob found (objects read: %d)",
			strings.Join(paths, ", "), c.objects)
		return nil, &NoWorkloadError{strings.Join(append([]string{text}, c.m.Notes...), "; ")}
	}
	return c.m, nil
}
