package extract

import (
	"testing"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// oneReading is a facts.Readings of one pod.
type oneReading facts.PodReading

func (r oneReading) Pod(string, string) (facts.PodReading, bool) { return facts.PodReading(r), true }

func (oneReading) Node(string) (facts.NodeReading, bool) { return facts.NodeReading{}, false }

func reading(at int64, containers map[string]int64) facts.Readings {
	r := facts.PodReading{ObservedAt: time.Unix(at, 0)}
	for name, bytes := range containers {
		r.Containers = append(r.Containers, facts.ContainerReading{Name: name, ContainerUsage: facts.ContainerUsage{WorkingSet: bytes}})
	}
	return oneReading(r)
}

func TestGrowthBetween(t *testing.T) {
	for name, tc := range map[string]struct {
		first, last facts.Readings
		started     int64
		usage       int64
		want        int64
		wantKnown   bool
	}{
		"two readings": {
			first: reading(1000, map[string]int64{"app": 100, "log": 10}), last: reading(1030, map[string]int64{"app": 300, "log": 20}),
			want: 210, wantKnown: true,
		},
		"a container that is not the pod's": {
			first: reading(1000, map[string]int64{"app": 100, "log": 10, "": 110}), last: reading(1030, map[string]int64{"app": 100, "log": 20}),
			want: 10, wantKnown: true,
		},
		"a container that was read once": {
			first: reading(1000, map[string]int64{"app": 100}), last: reading(1030, map[string]int64{"app": 300, "log": 20}),
		},
		"a restart between": {
			first: reading(1000, map[string]int64{"app": 100, "log": 10}), last: reading(1030, map[string]int64{"app": 300, "log": 20}), started: 1010,
		},
		"too near": {
			first: reading(1000, map[string]int64{"app": 100, "log": 10}), last: reading(1009, map[string]int64{"app": 300, "log": 20}),
		},
		"too far": {
			first: reading(1000, map[string]int64{"app": 100, "log": 10}), last: reading(1601, map[string]int64{"app": 300, "log": 20}),
		},
		"a reading that could not be used": {
			first: reading(1000, map[string]int64{"app": 100, "log": 10}), last: reading(1030, map[string]int64{"app": 300, "log": 20}),
			usage: facts.Unknown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			started := time.Unix(max(tc.started, 500), 0).UnixNano()
			n := &facts.Node{Pods: []facts.PodState{{WorkingSet: tc.usage, Pod: &facts.Pod{Containers: []facts.Container{
				{Name: "app", Running: true, Started: started}, {Name: "log", Running: true, Started: time.Unix(500, 0).UnixNano()},
			}}}}}
			between := GrowthBetween(n, tc.first, tc.last)
			if p := &n.Pods[0]; p.Growth != tc.want || p.GrowthKnown != tc.wantKnown || (between > 0) != tc.wantKnown {
				t.Errorf("grew by %d, known %t, in %s; want %d, %t", p.Growth, p.GrowthKnown, between, tc.want, tc.wantKnown)
			}
		})
	}
}
