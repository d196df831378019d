// Package snapshot is what decides who dies in a cluster at one moment, as facts, and reads it from files:
// Kubernetes objects as kubectl prints them, and kubelets' own answers.
package snapshot

import (
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// Snapshot is a cluster at one moment.
type Snapshot struct {
	// Nodes by name, without their usage and pods.
	Nodes []facts.Node
	// Namespaces are the labels of those that are known.
	Namespaces map[string]labels.Set
	Policy     *extract.Policy
	// Classes are the values of the PriorityClasses that a snapshot holds, by name. DefaultPriority is the priority of pods
	// that name none.
	Classes         map[string]int32
	DefaultPriority int32
	// Published is what the operator had published, by node.
	Published map[string]*v1alpha1.NodeKillOrder
	// Metrics are the readings of metrics.k8s.io; Kubelets those of single kubelets, by node.
	Metrics  facts.Readings
	Kubelets map[string]*Readings
	// Now is the moment that readings are judged by, fresh or stale.
	Now time.Time
	// Notes say, a line each, what was left out and why.
	Notes []string

	pods pods
}

// Readings of one moment. It is a facts.Readings.
type Readings struct {
	Pods  map[facts.PodKey]facts.PodReading
	Nodes map[string]facts.NodeReading
	// packed are readings of pods beside Pods: those of one node, which a map would take twice the memory for.
	packed []packedReading
}

type packedReading struct {
	of facts.PodKey
	facts.PodReading
}

// pods lists the pods that have a reading, in no order.
func (r *Readings) pods() []facts.PodKey {
	keys := slices.AppendSeq(make([]facts.PodKey, 0, len(r.Pods)+len(r.packed)), maps.Keys(r.Pods))
	for i := range r.packed {
		keys = append(keys, r.packed[i].of)
	}
	return keys
}

// NewReadings returns Readings without any yet.
func NewReadings() *Readings {
	return &Readings{Pods: map[facts.PodKey]facts.PodReading{}, Nodes: map[string]facts.NodeReading{}}
}

// Pod returns the reading of a pod.
func (r *Readings) Pod(namespace, name string) (facts.PodReading, bool) {
	for i := range r.packed {
		if p := &r.packed[i]; p.of.Name == name && p.of.Namespace == namespace {
			return p.PodReading, true
		}
	}
	p, ok := r.Pods[facts.PodKey{Namespace: namespace, Name: name}]
	return p, ok
}

// Node returns the reading of a node.
func (r *Readings) Node(name string) (facts.NodeReading, bool) {
	n, ok := r.Nodes[name]
	return n, ok
}

// ReadingsOf returns the readings for a node: its kubelet's own where there are any, else those of
// metrics.k8s.io. The two are never mixed, since they measure differently.
func (s *Snapshot) ReadingsOf(node string) facts.Readings {
	if r := s.Kubelets[node]; r != nil {
		return r
	}
	return s.Metrics
}

// NamespaceLabels returns a namespace's labels; of one that is not known, the label that every namespace has.
func (s *Snapshot) NamespaceLabels(name string) labels.Labels {
	if l, ok := s.Namespaces[name]; ok {
		return l
	}
	return labels.Set{"kubernetes.io/metadata.name": name}
}
