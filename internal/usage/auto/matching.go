package auto

import (
	"fmt"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

// The two parts of metrics.k8s.io.
const (
	ofPods  = "pods"
	ofNodes = "nodes"
)

// matching lets through the readings of pods and nodes that the cluster has. An adapter may name nodes by something else,
// such as their address, and some serve the pods of another cluster.
type matching struct {
	usage.Sink
	nodeOf      func(namespace, name []byte) string
	hasNode     func(name string) bool
	pods, nodes tally
}

// tally counts readings, and those that match nothing, with the first of them as an example.
type tally struct {
	all, unmatched int
	example        string
}

func (t *tally) count(matches bool, name func() string) {
	t.all++
	if matches {
		return
	}
	if t.unmatched++; t.unmatched == 1 {
		t.example = name()
	}
}

// Pod takes a pod's reading.
func (m *matching) Pod(p *usage.Pod) {
	has := m.nodeOf(p.Namespace, p.Name) != ""
	m.pods.count(has, func() string { return string(p.Namespace) + "/" + string(p.Name) })
	if !has {
		m.Drop(usage.DropUnmatched)
		return
	}
	m.Sink.Pod(p)
}

// Node takes a node's reading.
func (m *matching) Node(name string, r facts.NodeReading) {
	has := m.hasNode(name)
	m.nodes.count(has, func() string { return name })
	if !has {
		m.Drop(usage.DropUnmatched)
		return
	}
	m.Sink.Node(name, r)
}

// failures returns a failure for each part of which more than a tenth of the readings match nothing. A smaller share is
// normal: these pods and nodes are just gone, or are not known here yet.
func (m *matching) failures() (fs []usage.Failure) {
	for _, part := range []struct {
		of    string
		tally tally
	}{{ofPods, m.pods}, {ofNodes, m.nodes}} {
		if t := part.tally; t.unmatched*10 > t.all {
			err := fmt.Errorf("%d of %d readings of %s in metrics.k8s.io match none in the cluster, among them %.253q",
				t.unmatched, t.all, part.of, t.example)
			fs = append(fs, usage.Failure{Cause: usage.FailedUnmatched, Of: part.of, Err: err})
		}
	}
	return fs
}
