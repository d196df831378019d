package extract

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/internal/facts"
)

// errMissing is a field that a reading is worthless without.
var errMissing = errors.New("missing")

// PodMetrics returns the reading in a PodMetrics object. Its WorkingSet is the sum of the containers that have a name;
// an unnamed one is an adapter's total of the pod, and counts only where no other container is listed. The error names
// the field that makes the reading unusable.
func PodMetrics(m *metrics.PodMetrics) (facts.PodReading, error) {
	r := facts.PodReading{
		Source: facts.SourceMetricsAPI, ObservedAt: m.Timestamp.Time,
		Containers: make([]facts.ContainerReading, 0, len(m.Containers)),
	}
	if m.Timestamp.IsZero() {
		return r, inField("timestamp", errMissing)
	}
	if len(m.Containers) == 0 {
		return r, inField("containers", errMissing)
	}
	named := slices.ContainsFunc(m.Containers, func(c metrics.ContainerMetrics) bool { return c.Name != "" })
	for i := range m.Containers {
		c := &m.Containers[i]
		bytes, err := workingSet(c.Usage)
		if err != nil {
			return r, inField(fmt.Sprintf("containers[%d].usage.memory", i), err)
		}
		usage := facts.NoContainerUsage
		usage.WorkingSet = bytes
		r.Containers = append(r.Containers, facts.ContainerReading{Name: intern(c.Name), ContainerUsage: usage})
		if c.Name != "" || !named {
			r.WorkingSet = min(r.WorkingSet+bytes, facts.MaxBytes)
		}
	}
	return r, nil
}

// NodeMetrics returns the reading in a NodeMetrics object. The error names the field that makes it unusable.
func NodeMetrics(m *metrics.NodeMetrics) (facts.NodeReading, error) {
	r := facts.NodeReading{
		Source: facts.SourceMetricsAPI, ObservedAt: m.Timestamp.Time, PodsWorkingSet: facts.Unknown, Available: facts.Unknown,
	}
	if m.Timestamp.IsZero() {
		return r, inField("timestamp", errMissing)
	}
	var err error
	r.WorkingSet, err = workingSet(m.Usage)
	return r, inField("usage.memory", err)
}

func workingSet(usage corev1.ResourceList) (int64, error) {
	q, ok := usage[corev1.ResourceMemory]
	switch {
	case !ok:
		return 0, errMissing
	case q.Sign() < 0:
		return 0, fmt.Errorf("%s is negative", q.String())
	}
	return Bytes(q), nil
}
