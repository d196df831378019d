package extract

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/killorder/killorder/internal/facts"
)

func TestPodMetrics(t *testing.T) {
	usage := func(q string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(q)}
	}
	at := metav1.NewTime(six)
	for name, tc := range map[string]struct {
		metrics metrics.PodMetrics
		want    int64
		wantErr string
	}{
		"a sum": {
			metrics: metrics.PodMetrics{Timestamp: at, Containers: []metrics.ContainerMetrics{{Name: "a", Usage: usage("1Ki")}, {Name: "b", Usage: usage("1")}}},
			want:    1025,
		},
		"an adapter's unnamed total beside containers": {
			metrics: metrics.PodMetrics{Timestamp: at, Containers: []metrics.ContainerMetrics{{Usage: usage("27Mi")}, {Name: "a", Usage: usage("21Mi")}}},
			want:    21 << 20,
		},
		"an adapter's unnamed total alone": {
			metrics: metrics.PodMetrics{Timestamp: at, Containers: []metrics.ContainerMetrics{{Usage: usage("27Mi")}}},
			want:    27 << 20,
		},
		"far too much": {
			metrics: metrics.PodMetrics{Timestamp: at, Containers: []metrics.ContainerMetrics{{Usage: usage("9Ei")}, {Usage: usage("9Ei")}}},
			want:    facts.MaxBytes,
		},
		"negative": {
			metrics: metrics.PodMetrics{Timestamp: at, Containers: []metrics.ContainerMetrics{{Usage: usage("1")}, {Usage: usage("-1Ki")}}},
			wantErr: "containers[1].usage.memory: -1Ki is negative",
		},
		"no time":       {metrics: metrics.PodMetrics{}, wantErr: "timestamp: missing"},
		"no containers": {metrics: metrics.PodMetrics{Timestamp: at}, wantErr: "containers: missing"},
		"no memory": {
			metrics: metrics.PodMetrics{Timestamp: at, Containers: []metrics.ContainerMetrics{{}}},
			wantErr: "containers[0].usage.memory: missing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := PodMetrics(&tc.metrics)
			if tc.wantErr != "" {
				if err == nil || err.Error() != tc.wantErr {
					t.Errorf("error %v, want %s", err, tc.wantErr)
				}
				return
			}
			if err != nil || got.WorkingSet != tc.want || !got.ObservedAt.Equal(six) {
				t.Errorf("%d at %s, error %v, want %d", got.WorkingSet, got.ObservedAt, err, tc.want)
			}
		})
	}
}

func TestNodeMetrics(t *testing.T) {
	m := metrics.NodeMetrics{
		Timestamp: metav1.NewTime(six), Usage: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
	}
	got, err := NodeMetrics(&m)
	want := facts.NodeReading{Source: facts.SourceMetricsAPI, ObservedAt: six, WorkingSet: 1 << 30, PodsWorkingSet: facts.Unknown, Available: facts.Unknown}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
	if _, err := NodeMetrics(&metrics.NodeMetrics{Timestamp: m.Timestamp}); err == nil || err.Error() != "usage.memory: missing" {
		t.Errorf("error %v", err)
	}
}
