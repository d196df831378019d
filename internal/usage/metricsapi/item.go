package metricsapi

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/quantity"
	"github.com/killorder/killorder/internal/usage"
)

// Fields of k8s.io/metrics/pkg/apis/metrics/v1beta1/generated.proto and what it imports.
const (
	itemMetadata  = 1
	itemTimestamp = 2
	podContainers = 4
	nodeUsage     = 4

	metadataName      = 1
	metadataNamespace = 3
	timestampSeconds  = 1
	containerName     = 1
	containerUsage    = 2
	entryKey          = 1
	entryValue        = 2
	quantityString    = 1
)

// field is one field of a message: bytes or a varint, or neither if it is of another type.
type field struct {
	number protowire.Number
	bytes  []byte
	varint uint64
}

// next cuts the first field off a message.
func next(message []byte) (f field, rest []byte, err error) {
	number, wire, n := protowire.ConsumeTag(message)
	if n < 0 {
		return f, nil, protowire.ParseError(n)
	}
	f.number, message = number, message[n:]
	switch wire {
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(message)
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(message)
	default:
		n = protowire.ConsumeFieldValue(number, wire, message)
	}
	if n < 0 {
		return f, nil, protowire.ParseError(n)
	}
	return f, message[n:], nil
}

// podSink decodes PodMetrics into one reading after another.
type podSink struct {
	into usage.Sink
	pod  usage.Pod
}

func (s *podSink) item(b []byte) {
	s.pod = usage.Pod{Source: facts.SourceMetricsAPI, WorkingSet: facts.Unknown, Containers: s.pod.Containers[:0]}
	if cause := s.decode(b); cause != "" {
		s.into.Drop(cause)
		return
	}
	s.into.Pod(&s.pod)
}

func (s *podSink) decode(b []byte) usage.DropCause {
	for len(b) > 0 {
		f, rest, err := next(b)
		if err != nil {
			return usage.DropMalformed
		}
		b = rest
		switch f.number {
		case itemMetadata:
			s.pod.Namespace, s.pod.Name, err = metadata(f.bytes)
		case itemTimestamp:
			s.pod.ObservedAt, err = timestamp(f.bytes)
		case podContainers:
			if cause := s.container(f.bytes); cause != "" {
				return cause
			}
		}
		if err != nil {
			return usage.DropMalformed
		}
	}
	return ""
}

func (s *podSink) container(b []byte) usage.DropCause {
	c := usage.Container{ContainerUsage: facts.NoContainerUsage}
	for len(b) > 0 {
		f, rest, err := next(b)
		if err != nil {
			return usage.DropMalformed
		}
		b = rest
		switch f.number {
		case containerName:
			c.Name = f.bytes
		case containerUsage:
			if cause := memory(f.bytes, &c.WorkingSet); cause != "" {
				return cause
			}
		}
	}
	s.pod.Containers = append(s.pod.Containers, c)
	return ""
}

// nodeSink decodes NodeMetrics and holds them back until they can be handed over.
type nodeSink struct {
	names    []string
	readings []facts.NodeReading
	dropped  []usage.DropCause
}

func (s *nodeSink) item(b []byte) {
	r := facts.NodeReading{
		Source: facts.SourceMetricsAPI, WorkingSet: facts.Unknown, PodsWorkingSet: facts.Unknown, Available: facts.Unknown,
	}
	name, cause := decodeNode(b, &r)
	if cause != "" {
		s.dropped = append(s.dropped, cause)
		return
	}
	s.names, s.readings = append(s.names, name), append(s.readings, r)
}

func (s *nodeSink) handOver(into usage.Sink) {
	for i, name := range s.names {
		into.Node(name, s.readings[i])
	}
	for _, cause := range s.dropped {
		into.Drop(cause)
	}
}

func decodeNode(b []byte, r *facts.NodeReading) (string, usage.DropCause) {
	var name []byte
	for len(b) > 0 {
		f, rest, err := next(b)
		if err != nil {
			return "", usage.DropMalformed
		}
		b = rest
		switch f.number {
		case itemMetadata:
			_, name, err = metadata(f.bytes)
		case itemTimestamp:
			r.ObservedAt, err = timestamp(f.bytes)
		case nodeUsage:
			if cause := memory(f.bytes, &r.WorkingSet); cause != "" {
				return "", cause
			}
		}
		if err != nil {
			return "", usage.DropMalformed
		}
	}
	return string(name), ""
}

func metadata(b []byte) (namespace, name []byte, err error) {
	for len(b) > 0 {
		var f field
		if f, b, err = next(b); err != nil {
			return nil, nil, err
		}
		switch f.number {
		case metadataName:
			name = f.bytes
		case metadataNamespace:
			namespace = f.bytes
		}
	}
	return namespace, name, nil
}

func timestamp(b []byte) (t time.Time, err error) {
	for len(b) > 0 {
		var f field
		if f, b, err = next(b); err != nil {
			return t, err
		}
		if f.number == timestampSeconds {
			t = time.Unix(int64(f.varint), 0)
		}
	}
	return t, nil
}

// memory reads an entry of a map of resources, and sets bytes if it is the memory's.
func memory(entry []byte, bytes *int64) usage.DropCause {
	var value []byte
	var is bool
	for len(entry) > 0 {
		f, rest, err := next(entry)
		if err != nil {
			return usage.DropMalformed
		}
		entry = rest
		switch f.number {
		case entryKey:
			is = string(f.bytes) == "memory"
		case entryValue:
			value = f.bytes
		}
	}
	if !is {
		return ""
	}
	return quantityOf(value, bytes)
}

func quantityOf(message []byte, bytes *int64) usage.DropCause {
	for len(message) > 0 {
		f, rest, err := next(message)
		if err != nil {
			return usage.DropMalformed
		}
		message = rest
		if f.number != quantityString {
			continue
		}
		amount, cause := parse(string(f.bytes))
		if cause != "" {
			return cause
		}
		*bytes = amount
	}
	return ""
}

// parse returns a quantity in bytes, at most facts.MaxBytes.
func parse(amount string) (int64, usage.DropCause) {
	q, err := quantity.Parse(amount)
	switch {
	case err != nil:
		return 0, usage.DropMalformed
	case q.Sign() < 0:
		return 0, usage.DropNegative
	case q.AsApproximateFloat64() >= float64(facts.MaxBytes):
		return facts.MaxBytes, "" // Value would be 0 or negative where it does not fit an int64
	}
	return q.Value(), ""
}
