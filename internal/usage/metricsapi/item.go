package metricsapi

import (
	corev1 "k8s.io/api/core/v1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/metricsapi/wire"
)

// Where the quantities stand in a PodMetrics and in a NodeMetrics: numbers of the fields of
// k8s.io/metrics/pkg/apis/metrics/v1beta1/generated.proto, of the entry of its map, and of Quantity.
var (
	podQuantities  = []wire.Number{4, 2, 2, 1}
	nodeQuantities = []wire.Number{4, 2, 1}
)

// podSink decodes one PodMetrics after another, and hands the reading of each to the sink.
type podSink struct {
	into usage.Sink
	pod  usage.Pod
}

func (s *podSink) item(b []byte) {
	var m metrics.PodMetrics
	if !wire.Parsable(b, podQuantities) || m.Unmarshal(b) != nil {
		s.into.Drop(usage.DropMalformed)
		return
	}
	if cause := s.take(&m); cause != "" {
		s.into.Drop(cause)
		return
	}
	s.into.Pod(&s.pod)
}

// take makes m the pod's reading, or says why m is none.
func (s *podSink) take(m *metrics.PodMetrics) usage.DropCause {
	s.pod = usage.Pod{
		Source: facts.SourceMetricsAPI, ObservedAt: m.Timestamp.Time, WorkingSet: facts.Unknown,
		Namespace: append(s.pod.Namespace[:0], m.Namespace...), Name: append(s.pod.Name[:0], m.Name...),
		Containers: s.pod.Containers[:0],
	}
	for i := range m.Containers {
		bytes, cause := memory(m.Containers[i].Usage)
		if cause != "" {
			return cause
		}
		c := usage.Container{Name: []byte(m.Containers[i].Name), ContainerUsage: facts.NoContainerUsage}
		c.WorkingSet = bytes
		s.pod.Containers = append(s.pod.Containers, c)
	}
	return ""
}

// nodeSink decodes NodeMetrics and holds the readings back until they can be handed over.
type nodeSink struct {
	names    []string
	readings []facts.NodeReading
	dropped  []usage.DropCause
}

func (s *nodeSink) item(b []byte) {
	var m metrics.NodeMetrics
	if !wire.Parsable(b, nodeQuantities) || m.Unmarshal(b) != nil {
		s.dropped = append(s.dropped, usage.DropMalformed)
		return
	}
	bytes, cause := memory(m.Usage)
	if cause != "" {
		s.dropped = append(s.dropped, cause)
		return
	}
	s.names = append(s.names, m.Name)
	s.readings = append(s.readings, facts.NodeReading{
		Source: facts.SourceMetricsAPI, ObservedAt: m.Timestamp.Time, WorkingSet: bytes,
		PodsWorkingSet: facts.Unknown, Available: facts.Unknown,
	})
}

func (s *nodeSink) handOver(into usage.Sink) {
	for i, name := range s.names {
		into.Node(name, s.readings[i])
	}
	for _, cause := range s.dropped {
		into.Drop(cause)
	}
}

// memory returns an amount in bytes, at most facts.MaxBytes; facts.Unknown if there is none.
func memory(used corev1.ResourceList) (int64, usage.DropCause) {
	q, ok := used[corev1.ResourceMemory]
	switch {
	case !ok:
		return facts.Unknown, ""
	case q.Sign() < 0:
		return 0, usage.DropNegative
	}
	return extract.Bytes(q), ""
}
