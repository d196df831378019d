package metricsapi

import (
	corev1 "k8s.io/api/core/v1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/metricsapi/wire"
)

// Numbers of fields in k8s.io/metrics/pkg/apis/metrics/v1beta1/generated.proto, and in what it is made of.
const (
	ofMetadata   wire.Number = 1 // of PodMetrics and NodeMetrics
	ofTime       wire.Number = 2
	ofContainers wire.Number = 4 // of PodMetrics
	ofNodeUsage  wire.Number = 4 // of NodeMetrics
	ofName       wire.Number = 1 // of ObjectMeta and ContainerMetrics
	ofNamespace  wire.Number = 3 // of ObjectMeta
	ofUsage      wire.Number = 2 // of ContainerMetrics
	ofKey        wire.Number = 1 // of an entry of a map
	ofValue      wire.Number = 2
	ofQuantity   wire.Number = 1 // of Quantity, the field that holds its text
)

type fields = map[wire.Number]*wire.Wanted

// What is read of the messages: names, the time, and memory. metrics-server repeats the labels of each pod, which would be
// most of what Unmarshal makes. Containers are read one by one.
var (
	wantedMemory    = &wire.Wanted{Keep: wire.Entry(string(corev1.ResourceMemory)), Fields: fields{ofKey: nil, ofValue: nil}}
	wantedMetadata  = &wire.Wanted{Fields: fields{ofName: nil, ofNamespace: nil}}
	wantedPod       = &wire.Wanted{Fields: fields{ofMetadata: wantedMetadata, ofTime: nil}}
	wantedContainer = &wire.Wanted{Fields: fields{ofName: nil, ofUsage: wantedMemory}}
	wantedNode      = &wire.Wanted{Fields: fields{ofMetadata: wantedMetadata, ofTime: nil, ofNodeUsage: wantedMemory}}
)

// Where the quantities stand.
var (
	containerQuantities = []wire.Number{ofUsage, ofValue, ofQuantity}
	nodeQuantities      = []wire.Number{ofNodeUsage, ofValue, ofQuantity}
)

// podSink decodes one PodMetrics after another, and hands the reading of each to the sink.
type podSink struct {
	into usage.Sink
	pod  usage.Pod
	// What one message takes is used again for the next.
	trimmed   []byte
	container metrics.ContainerMetrics
}

func (s *podSink) item(b []byte) {
	cause := s.takePod(b)
	if err := wire.Each(b, ofContainers, func(container []byte) bool {
		if cause == "" {
			cause = s.takeContainer(container)
		}
		return cause == ""
	}); err != nil {
		cause = usage.DropMalformed
	}
	if cause != "" {
		s.into.Drop(cause)
		return
	}
	s.into.Pod(&s.pod)
}

// takePod begins the reading of a pod, or says why there is none.
func (s *podSink) takePod(b []byte) usage.DropCause {
	var m metrics.PodMetrics
	var err error
	if s.trimmed, err = wantedPod.Trim(s.trimmed[:0], b); err != nil || m.Unmarshal(s.trimmed) != nil {
		return usage.DropMalformed
	}
	s.pod = usage.Pod{
		Source: facts.SourceMetricsAPI, ObservedAt: m.Timestamp.Time, WorkingSet: facts.Unknown,
		Namespace: append(s.pod.Namespace[:0], m.Namespace...), Name: append(s.pod.Name[:0], m.Name...),
		Containers: s.pod.Containers[:0],
	}
	return ""
}

// takeContainer adds a container to the reading, or says why the pod has none.
func (s *podSink) takeContainer(b []byte) usage.DropCause {
	c := &s.container
	c.Name = ""
	clear(c.Usage)
	var err error
	s.trimmed, err = wantedContainer.Trim(s.trimmed[:0], b)
	if err != nil || len(s.pod.Containers) == usage.MaxContainers || !wire.Parsable(s.trimmed, containerQuantities) ||
		c.Unmarshal(s.trimmed) != nil {
		return usage.DropMalformed
	}
	bytes, cause := memory(c.Usage)
	if cause != "" {
		return cause
	}
	u := usage.Container{Name: []byte(c.Name), ContainerUsage: facts.NoContainerUsage}
	u.WorkingSet = bytes
	s.pod.Containers = append(s.pod.Containers, u)
	return ""
}

// nodeSink decodes NodeMetrics and holds the readings back until they can be handed over.
type nodeSink struct {
	names    []string
	readings []facts.NodeReading
	dropped  []usage.DropCause
	trimmed  []byte
}

func (s *nodeSink) item(b []byte) {
	var m metrics.NodeMetrics
	var err error
	s.trimmed, err = wantedNode.Trim(s.trimmed[:0], b)
	if err != nil || !wire.Parsable(s.trimmed, nodeQuantities) || m.Unmarshal(s.trimmed) != nil {
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
