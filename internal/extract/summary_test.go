package extract

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/killorder/killorder/internal/facts"
)

var (
	six     = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	earlier = six.Add(-15 * time.Second)
)

func memoryStats(at time.Time, workingSet, rss uint64) *stats.MemoryStats {
	return &stats.MemoryStats{Time: metav1.NewTime(at), WorkingSetBytes: &workingSet, RSSBytes: &rss}
}

func TestSummaryPod(t *testing.T) {
	swap := uint64(7)
	app := stats.ContainerStats{Name: "app", Memory: memoryStats(six, 100, 90), Swap: &stats.SwapStats{SwapUsageBytes: &swap}}
	sidecar := stats.ContainerStats{Name: "sidecar", Memory: memoryStats(earlier, 10, 9)}
	containers := []facts.ContainerReading{
		{Name: "app", ContainerUsage: facts.ContainerUsage{WorkingSet: 100, RSS: 90, Swap: 7}},
		{Name: "sidecar", ContainerUsage: facts.ContainerUsage{WorkingSet: 10, RSS: 9, Swap: facts.Unknown}},
	}
	for name, tc := range map[string]struct {
		pod  stats.PodStats
		want facts.PodReading
	}{
		"the pod's own figure": {
			pod:  stats.PodStats{Memory: memoryStats(earlier, 150, 99), Containers: []stats.ContainerStats{app, sidecar}},
			want: facts.PodReading{Source: facts.SourceKubelet, ObservedAt: earlier, WorkingSet: 150, Containers: containers},
		},
		"the containers' sum, as old as the oldest": {
			pod:  stats.PodStats{Containers: []stats.ContainerStats{app, sidecar}},
			want: facts.PodReading{Source: facts.SourceKubelet, ObservedAt: earlier, WorkingSet: 110, Containers: containers},
		},
		"nothing": {
			pod:  stats.PodStats{Containers: []stats.ContainerStats{{Name: "app"}}},
			want: facts.PodReading{Source: facts.SourceKubelet, WorkingSet: facts.Unknown, Containers: []facts.ContainerReading{{Name: "app", ContainerUsage: facts.NoContainerUsage}}},
		},
		"an absurd amount": {
			pod:  stats.PodStats{Memory: memoryStats(six, math.MaxUint64, 0)},
			want: facts.PodReading{Source: facts.SourceKubelet, ObservedAt: six, WorkingSet: facts.MaxBytes, Containers: []facts.ContainerReading{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, SummaryPod(&tc.pod)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSummaryNode(t *testing.T) {
	available, free, used := uint64(300), uint64(40), uint64(2)
	memory := memoryStats(six, 700, 600)
	memory.AvailableBytes = &available
	for name, tc := range map[string]struct {
		node stats.NodeStats
		want facts.NodeReading
	}{
		"all of it": {
			node: stats.NodeStats{
				Memory: memory, Swap: &stats.SwapStats{SwapAvailableBytes: &free, SwapUsageBytes: &used},
				SystemContainers: []stats.ContainerStats{
					{Name: stats.SystemContainerKubelet, Memory: memoryStats(six, 1, 1)},
					{Name: stats.SystemContainerPods, Memory: memoryStats(six, 500, 400)},
				},
			},
			want: facts.NodeReading{Source: facts.SourceKubelet, ObservedAt: six, WorkingSet: 700, RSS: 600, PodsWorkingSet: 500, Available: 300, SwapCapacity: 42},
		},
		"of Windows, which may commit more than it has": {
			node: stats.NodeStats{Memory: memory, SystemContainers: []stats.ContainerStats{
				{Name: stats.SystemContainerWindowsGlobalCommitMemory, Memory: &stats.MemoryStats{AvailableBytes: new(uint64(900))}},
			}},
			want: facts.NodeReading{Source: facts.SourceKubelet, ObservedAt: six, WorkingSet: 700, RSS: 600, PodsWorkingSet: facts.Unknown, Available: 900},
		},
		"of Windows, with what is committed": {
			node: stats.NodeStats{Memory: memory, SystemContainers: []stats.ContainerStats{
				{Name: stats.SystemContainerWindowsGlobalCommitMemory, Memory: &stats.MemoryStats{AvailableBytes: new(uint64(900)), UsageBytes: new(uint64(2100))}},
			}},
			want: facts.NodeReading{
				Source: facts.SourceKubelet, ObservedAt: six, WorkingSet: 700, RSS: 600, PodsWorkingSet: facts.Unknown, Available: 900, CommitLimit: 3000,
			},
		},
		"nothing": {
			want: facts.NodeReading{Source: facts.SourceKubelet, WorkingSet: facts.Unknown, PodsWorkingSet: facts.Unknown, Available: facts.Unknown},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, SummaryNode(&tc.node)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
