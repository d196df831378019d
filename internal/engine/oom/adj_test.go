package oom_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// GB is what the kubelet's own cases count in.
const GB = int64(1000000000)

func container(name string, kind facts.ContainerKind, request int64) facts.Container {
	return facts.Container{Name: name, Kind: kind, Request: request}
}

func burstable(share int64, cs ...facts.Container) *facts.Pod {
	return &facts.Pod{QOS: facts.Burstable, AdjShare: share, Containers: cs}
}

// scores are the pod's by container, or -1 and the error.
func scores(p *facts.Pod, capacity int64) (map[string]int32, error) {
	got := map[string]int32{}
	for i := range p.Containers {
		adj, err := oom.ScoreAdj(p, i, capacity)
		if err != nil {
			return nil, err
		}
		got[p.Containers[i].Name] = adj
	}
	return got, nil
}

func TestFact13ClassesAndCriticality(t *testing.T) {
	app := container("app", facts.Regular, 0)
	cases := map[string]struct {
		pod  facts.Pod
		want int32
	}{
		"BestEffort":               {facts.Pod{QOS: facts.BestEffort}, 1000},
		"Guaranteed":               {facts.Pod{QOS: facts.Guaranteed}, -997},
		"node-critical BestEffort": {facts.Pod{NodeCritical: true, Exempt: true, QOS: facts.BestEffort}, -997},
		"node-critical Burstable":  {facts.Pod{NodeCritical: true, Exempt: true, QOS: facts.Burstable}, -997},
		"cluster-critical is exempt from eviction only": {facts.Pod{Exempt: true, QOS: facts.BestEffort}, 1000},
		"cluster-critical Burstable":                    {facts.Pod{Exempt: true, QOS: facts.Burstable}, 999},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.pod.Containers = []facts.Container{app}
			if got, err := oom.ScoreAdj(&tc.pod, 0, 4*GB); got != tc.want || err != nil {
				t.Errorf("ScoreAdj = %d, %v; want %d", got, err, tc.want)
			}
		})
	}
}

// TestFact14Burstable has the figures of the kubelet's own TestGetContainerOOMScoreAdjust
// (kubelet/qos/policy_test.go, v1.37.2) and of the edges of its clamp.
func TestFact14Burstable(t *testing.T) {
	cases := map[string]struct {
		request, share, capacity int64
		want                     int32
	}{
		"cpu-limit: nothing requested":               {0, 0, 4 * GB, 999},
		"cpu-unlimited-memory-limited-with-requests": {4 * GB, 0, 8 * GB, 500},
		"request-no-limit: all but one byte":         {8*GB - 1, 0, 8 * GB, 3},
		"burstable-unique-container":                 {GB, 0, 8 * GB, 875},
		"the pod's own request is shared out first":  {0, GB, 4 * GB, 750},
		"on top of the container's":                  {GB, 5 * GB / 10, 4 * GB, 625},
		"all of the node":                            {8 * GB, 0, 8 * GB, 3},
		"more than the node has":                     {64 * GB, 0, 8 * GB, 3},
		"997 thousandths, where 3 is not clamped":    {997, 0, 1000, 3},
		"998 thousandths would be 2, as docs say":    {998, 0, 1000, 3},
		"a thousandth less one byte rounds to 1000":  {8*GB/1000 - 1, 0, 8 * GB, 999},
		"a thousandth is 999 unclamped":              {8 * GB / 1000, 0, 8 * GB, 999},
		"two thousandths are 998":                    {8 * GB / 500, 0, 8 * GB, 998},
		"integer division drops the fraction":        {GB + 7*GB/1000, 0, 8 * GB, 875}, // 125.875 thousandths
		"absurd amounts do not overflow":             {facts.MaxBytes, facts.MaxBytes, facts.MaxBytes, 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := burstable(tc.share, container("app", facts.Regular, tc.request))
			if got, err := oom.ScoreAdj(p, 0, tc.capacity); got != tc.want || err != nil {
				t.Errorf("ScoreAdj = %d, %v; want %d", got, err, tc.want)
			}
		})
	}
}

func TestFact15Sidecars(t *testing.T) {
	cases := map[string]struct {
		pod      *facts.Pod
		capacity int64
		want     map[string]int32
	}{
		"small-sidecar takes its container's": {
			burstable(0, container("init", facts.Init, GB), container("sidecar", facts.Sidecar, 4*GB/10), container("main", facts.Regular, GB)),
			8 * GB,
			map[string]int32{"init": 875, "sidecar": 875, "main": 875},
		},
		"big-sidecar keeps its own": {
			burstable(0, container("init", facts.Init, GB), container("sidecar", facts.Sidecar, 4*GB), container("main", facts.Regular, GB)),
			8 * GB,
			map[string]int32{"init": 875, "sidecar": 500, "main": 875},
		},
		"unequal-container-requests-with-sidecar: of the smallest, the share included": {
			burstable(GB/10, container("sidecar", facts.Sidecar, 2*GB/10), container("main-1", facts.Regular, GB), container("main-2", facts.Regular, GB/2)),
			4 * GB,
			map[string]int32{"sidecar": 850, "main-1": 725, "main-2": 850},
		},
		"no-container-resources-with-sidecar": {
			burstable(GB, container("sidecar", facts.Sidecar, 0), container("main", facts.Regular, 0)),
			4 * GB,
			map[string]int32{"sidecar": 750, "main": 750},
		},
		"init and ephemeral containers are no smallest": {
			burstable(0, container("sidecar", facts.Sidecar, 0), container("init", facts.Init, 0), container("main", facts.Regular, 2*GB), container("debug", facts.Ephemeral, 0)),
			8 * GB,
			map[string]int32{"sidecar": 750, "init": 999, "main": 750, "debug": 999},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := scores(tc.pod, tc.capacity)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("error %v, oom_score_adj (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestFact16NoCapacity(t *testing.T) {
	app := container("app", facts.Regular, GB)
	for _, capacity := range []int64{0, -1} {
		if _, err := oom.ScoreAdj(burstable(0, app), 0, capacity); !errors.Is(err, oom.ErrNoCapacity) {
			t.Errorf("capacity %d: error %v; want ErrNoCapacity", capacity, err)
		}
		// The classes that take no share of capacity need none.
		if got, err := oom.ScoreAdj(&facts.Pod{QOS: facts.BestEffort, Containers: []facts.Container{app}}, 0, capacity); got != 1000 || err != nil {
			t.Errorf("capacity %d, BestEffort: %d, %v; want 1000", capacity, got, err)
		}
	}
	if order, err := oom.Order(Node(0, Pod("be").Running(0, MiB)), 0); !errors.Is(err, oom.ErrNoCapacity) {
		t.Errorf("Order = %v, %v; want ErrNoCapacity", order, err)
	}
}

// TestFact11AdjStaysAsWritten: a resize in place changes requests, not the oom_score_adj already written.
func TestFact11AdjStaysAsWritten(t *testing.T) {
	then := burstable(0, container("app", facts.Regular, 2*GB), container("log", facts.Regular, 0))
	p := burstable(0, container("app", facts.Regular, 6*GB), container("log", facts.Regular, 4*GB))
	p.Containers[0].AtStart = then
	got, err := scores(p, 8*GB)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int32{"app": 750, "log": 500}, got); diff != "" {
		t.Errorf("oom_score_adj, of which only app started before the resize (-want +got):\n%s", diff)
	}
}

// TestFact56Claims: what a container has of resource claims counts as requested, for itself and for the sidecars.
func TestFact56Claims(t *testing.T) {
	p := burstable(0, container("side", facts.Sidecar, 0), container("app", facts.Regular, GB))
	p.Rare = &facts.Rare{Claims: []facts.Claim{{Container: 1, Bytes: GB}}}
	got, err := scores(p, 4*GB)
	if diff := cmp.Diff(map[string]int32{"side": 500, "app": 500}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
