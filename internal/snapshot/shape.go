package snapshot

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shape is the fields by which an object is known that says no kind, as in OpenShift Insights archives and in bundles of
// troubleshoot up to 0.28.
type shape struct {
	Metadata struct {
		Name, Namespace field
	}
	Spec struct {
		Containers field
	}
	Status struct {
		NodeInfo, Capacity, Allocatable, Phase field
	}
	// of metrics.k8s.io
	Timestamp, Window, Containers, Usage field
	// of a PriorityClass
	Value, GlobalDefault, PreemptionPolicy field
	// of a kubelet's answers
	Node, Pods, KubeletConfig field
}

// field is the first byte of a field's value, 0 if there is no such field.
type field byte

func (f *field) UnmarshalJSON(raw []byte) error {
	*f = field(bytes.TrimSpace(raw)[0])
	return nil
}

// shapeOf returns the kind of an object by its shape, or, for a Node, by its folder; empty if it has none of them.
func shapeOf(at location, raw []byte) metav1.TypeMeta {
	var s shape
	if json.Unmarshal(raw, &s) != nil {
		return metav1.TypeMeta{}
	}
	switch {
	case s.KubeletConfig == '{':
		return kindConfigz
	case s.Node == '{' && (s.Pods == '[' || s.Pods == 'n'):
		return kindSummary
	case s.Metadata.Name != '"':
		return metav1.TypeMeta{}
	case s.Metadata.Namespace == '"':
		return s.namespaced()
	}
	return s.ofCluster(at)
}

// namespaced returns the kind of an object that has a namespace.
func (s *shape) namespaced() metav1.TypeMeta {
	switch {
	case s.Spec.Containers == '[':
		return kindPod
	case s.Timestamp == '"' && s.Containers == '[':
		return kindPodMetrics
	}
	return metav1.TypeMeta{}
}

// ofCluster returns the kind of an object that has no namespace.
func (s *shape) ofCluster(at location) metav1.TypeMeta {
	switch {
	case s.Status.NodeInfo == '{',
		(s.Status.Capacity == '{' || s.Status.Allocatable == '{') && at.below("node", "nodes"):
		return kindNode
	case s.Timestamp == '"' && s.Usage == '{':
		return kindNodeMetrics
	case s.Value != 0 && (s.GlobalDefault != 0 || s.PreemptionPolicy != 0):
		return kindPriorityClass
	case s.Status.Phase == '"' && at.below("namespace", "namespaces"):
		return kindNamespace
	}
	return metav1.TypeMeta{}
}

// below reports whether the file, or its folder, has one of the names.
func (f *file) below(names ...string) bool {
	parts := []string{path.Base(path.Dir(f.path)), stem(f.path)}
	for _, name := range names {
		if slices.Contains(parts, name) {
			return true
		}
	}
	return false
}

// stem is a path's last name without its endings.
func stem(name string) string {
	base := path.Base(name)
	for _, ending := range []string{".gz", ".bz2", ".json", ".yaml", ".yml"} {
		base = strings.TrimSuffix(base, ending)
	}
	return base
}
