// Package auto reads usage from where the policy says: the kubelets, metrics.k8s.io, or, node by node, the kubelet
// where it answers and metrics.k8s.io where it does not.
package auto

import (
	"context"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

// Kubelets are the nodes' own kubelets. Of each, the node is read before its pods.
type Kubelets interface {
	usage.Source
	// Unread reports whether a node's readings should come from elsewhere, AnyUnread whether any node's should.
	Unread(node string) bool
	AnyUnread() bool
	// Forget drops what is known of them.
	Forget()
}

// Source is a usage.Source that follows the policy.
type Source struct {
	Kubelets Kubelets
	Metrics  usage.Source
	// Wanted by the policy; SourceNone is the choice node by node.
	Wanted func() facts.Source
	// NodeOf returns the node of a pod, "" if it is not known.
	NodeOf func(namespace, name []byte) string
}

var _ usage.Source = (*Source)(nil)

// Read hands the sink the readings of the wanted source. A node's are never mixed in one pass: the two sources measure
// differently.
func (s *Source) Read(ctx context.Context, into usage.Sink) []usage.Failure {
	switch s.Wanted() {
	case facts.SourceMetricsAPI:
		s.Kubelets.Forget()
		return s.Metrics.Read(ctx, into)
	case facts.SourceKubelet:
		return s.Kubelets.Read(ctx, into)
	}
	from := &choice{kubelets: s.Kubelets, unread: map[string]bool{}}
	failures := s.Kubelets.Read(ctx, &read{Sink: into, choice: from})
	if ctx.Err() != nil || !s.Kubelets.AnyUnread() {
		return failures
	}
	return append(failures, s.Metrics.Read(ctx, &unread{into, from, s.NodeOf})...)
}

// choice is where each node's readings come from in one pass. Kubelets may answer while metrics.k8s.io is read: what was
// said of a node once holds for all of its pods.
type choice struct {
	kubelets Kubelets
	unread   map[string]bool
}

func (c *choice) isUnread(node string) bool {
	unread, made := c.unread[node]
	if !made {
		unread = c.kubelets.Unread(node)
		c.unread[node] = unread
	}
	return unread
}

// read lets through what is of nodes whose kubelet is read, which one that has just answered again is not yet.
type read struct {
	usage.Sink
	*choice
	skip bool
}

func (r *read) Node(name string, reading facts.NodeReading) {
	if r.skip = r.isUnread(name); !r.skip {
		r.Sink.Node(name, reading)
	}
}

func (r *read) Pod(p *usage.Pod) {
	if !r.skip {
		r.Sink.Pod(p)
	}
}

// unread lets through what is of nodes whose kubelet is not read.
type unread struct {
	usage.Sink
	*choice
	nodeOf func(namespace, name []byte) string
}

func (u *unread) Pod(p *usage.Pod) {
	if node := u.nodeOf(p.Namespace, p.Name); node != "" && u.isUnread(node) {
		u.Sink.Pod(p)
	}
}

func (u *unread) Node(name string, r facts.NodeReading) {
	if u.isUnread(name) {
		u.Sink.Node(name, r)
	}
}
