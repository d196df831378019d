// Package auto reads usage from where the policy says: the kubelets, metrics.k8s.io, or, node by node, the kubelet
// where it answers and metrics.k8s.io where it does not.
package auto

import (
	"context"
	"fmt"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

// Kubelets are the nodes' own kubelets. Of each, the sink gets the node's reading before those of the pods.
type Kubelets interface {
	usage.Source
	// NeedsOther reports whether a node's readings have to come from another source, AnyNeedsOther whether any node's have.
	NeedsOther(node string) bool
	AnyNeedsOther() bool
	// Forget drops what is known of them.
	Forget()
}

// Source is a usage.Source that follows the policy.
type Source struct {
	Kubelets Kubelets
	Metrics  usage.Source
	// Wanted is the source that the policy names; SourceNone means a choice node by node.
	Wanted func() facts.Source
	// NodeOf returns the node of a pod, "" if the cluster has no such pod.
	NodeOf func(namespace, name []byte) string
	// HasNode makes a function that reports whether the cluster has a node, for one pass.
	HasNode func(context.Context) (func(name string) bool, error)
}

var _ usage.Source = (*Source)(nil)

// Read hands the sink the readings of the wanted source. In one pass, a node's readings are all from one source: the two
// measure differently.
func (s *Source) Read(ctx context.Context, into usage.Sink) []usage.Failure {
	switch s.Wanted() {
	case facts.SourceMetricsAPI:
		s.Kubelets.Forget()
		return s.readMetrics(ctx, into)
	case facts.SourceKubelet:
		return s.Kubelets.Read(ctx, into)
	}
	by := &division{kubelets: s.Kubelets, needsOther: map[string]bool{}}
	failures := s.Kubelets.Read(ctx, &fromKubelets{Sink: into, by: by})
	if ctx.Err() != nil || !s.Kubelets.AnyNeedsOther() {
		return failures
	}
	return append(failures, s.readMetrics(ctx, &fromMetrics{Sink: into, by: by, nodeOf: s.NodeOf})...)
}

// readMetrics reads metrics.k8s.io, and of its readings those of pods and nodes that the cluster has.
func (s *Source) readMetrics(ctx context.Context, into usage.Sink) []usage.Failure {
	hasNode, err := s.HasNode(ctx)
	if err != nil {
		return []usage.Failure{{Cause: usage.FailedOther, Of: ofNodes, Err: fmt.Errorf("list the nodes: %w", err)}}
	}
	known := &matching{Sink: into, nodeOf: s.NodeOf, hasNode: hasNode}
	return append(s.Metrics.Read(ctx, known), known.failures()...)
}

// division says, for one pass, which of the two sources each node's readings come from. The choice for a node is made once
// in a pass, because a kubelet may begin to answer while metrics.k8s.io is read.
type division struct {
	kubelets   Kubelets
	needsOther map[string]bool
}

// byKubelet reports whether the node's readings are its kubelet's.
func (d *division) byKubelet(node string) bool {
	other, decided := d.needsOther[node]
	if !decided {
		other = d.kubelets.NeedsOther(node)
		d.needsOther[node] = other
	}
	return !other
}

// fromKubelets lets a kubelet's readings through, except those of a kubelet that has only just begun to answer again.
type fromKubelets struct {
	usage.Sink
	by *division
	// skips: the node of the pods that follow has another source.
	skips bool
}

func (f *fromKubelets) Node(name string, reading facts.NodeReading) {
	if f.skips = !f.by.byKubelet(name); !f.skips {
		f.Sink.Node(name, reading)
	}
}

// Complete: where metrics.k8s.io has the node's readings, they are still to come.
func (f *fromKubelets) Complete(node string) {
	if into, ok := f.Sink.(usage.Completer); ok && f.by.byKubelet(node) {
		into.Complete(node)
	}
}

func (f *fromKubelets) Pod(p *usage.Pod) {
	if !f.skips {
		f.Sink.Pod(p)
	}
}

// fromMetrics lets through what metrics.k8s.io says of nodes whose kubelet is not read.
type fromMetrics struct {
	usage.Sink
	by     *division
	nodeOf func(namespace, name []byte) string
}

func (f *fromMetrics) Pod(p *usage.Pod) {
	if node := f.nodeOf(p.Namespace, p.Name); node != "" && !f.by.byKubelet(node) {
		f.Sink.Pod(p)
	}
}

func (f *fromMetrics) Node(name string, r facts.NodeReading) {
	if !f.by.byKubelet(name) {
		f.Sink.Node(name, r)
	}
}
