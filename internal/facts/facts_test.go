package facts

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestThresholdOf(t *testing.T) {
	const gib = int64(1) << 30
	cases := map[string]struct {
		threshold Threshold
		capacity  int64
		want      int64
		wantSet   bool
	}{
		"the zero value is no threshold":         {capacity: gib},
		"bytes do not depend on capacity":        {Threshold{Set: true, Bytes: 100 << 20}, 0, 100 << 20, true},
		"a fraction is of capacity":              {Threshold{Set: true, Fraction: 0.25}, 16 * gib, 4 * gib, true},
		"a fraction of nothing is nothing":       {Threshold{Set: true, Fraction: 0.25}, 0, 0, true},
		"a fraction rounds down":                 {Threshold{Set: true, Fraction: 0.5}, 3, 1, true},
		"a fraction counts, not bytes beside it": {Threshold{Set: true, Fraction: 0.5, Bytes: 7}, 10, 5, true},
		// float32(0.05) is 0.0500000007450580596923828125 and float32(0.1) is 0.100000001490116: the kubelet keeps
		// its percentages so, and the threshold comes out some bytes above the exact one (858993459 and 1717986918).
		"5 percent is a float32":  {Threshold{Set: true, Fraction: float32(5) / 100}, 16 * gib, 858993472, true},
		"10 percent is a float32": {Threshold{Set: true, Fraction: float32(10) / 100}, 16 * gib, 1717986944, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, set := tc.threshold.Of(tc.capacity)
			if got != tc.want || set != tc.wantSet {
				t.Errorf("Of(%d) = %d, %t; want %d, %t", tc.capacity, got, set, tc.want, tc.wantSet)
			}
		})
	}
}

func TestMaxBytesTimesAThousandFits(t *testing.T) {
	if MaxBytes > math.MaxInt64/1000 {
		t.Errorf("1000 x %d overflows an int64, as oom_score_adj multiplies", MaxBytes)
	}
}

func TestQOSString(t *testing.T) {
	got := []string{BestEffort.String(), Burstable.String(), Guaranteed.String()}
	if diff := cmp.Diff([]string{"BestEffort", "Burstable", "Guaranteed"}, got); diff != "" {
		t.Errorf("the names of the API (-want +got):\n%s", diff)
	}
}

func TestPodStarted(t *testing.T) {
	cases := map[string]struct {
		containers  []Container
		wantStarted int64
		wantRunning bool
	}{
		"no container":                 {},
		"none runs":                    {containers: []Container{{}, {}}},
		"the first to start counts":    {[]Container{{Running: true, Started: 30}, {Running: true, Started: 20}}, 20, true},
		"in whatever order they stand": {[]Container{{Running: true, Started: 20}, {}, {Running: true, Started: 30}}, 20, true},
		"one that does not run":        {[]Container{{}, {Running: true, Started: 20}}, 20, true},
		"running since nobody knows":   {[]Container{{Running: true}}, 0, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := &Pod{Containers: tc.containers}
			if got := p.Started(); got != tc.wantStarted {
				t.Errorf("Started() = %d; want %d", got, tc.wantStarted)
			}
			if got := p.AnyRunning(); got != tc.wantRunning {
				t.Errorf("AnyRunning() = %t; want %t", got, tc.wantRunning)
			}
		})
	}
}

func TestFact3HasKubeletStats(t *testing.T) {
	running, waiting := []Container{{}, {Running: true}}, []Container{{}}
	cases := map[string]struct {
		pod          Pod
		sandboxStats bool
		want         bool
	}{
		"containerd, a container runs":      {Pod{Containers: running}, false, true},
		"containerd, none runs":             {Pod{Containers: waiting, SandboxReady: true}, false, false},
		"cri-o, a container runs":           {Pod{Containers: running}, true, true},
		"cri-o, none runs, a sandbox does":  {Pod{Containers: waiting, SandboxReady: true}, true, true},
		"cri-o, not even a sandbox":         {Pod{Containers: waiting}, true, false},
		"cri-o, a sandbox for no container": {Pod{SandboxReady: true}, true, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.pod.HasKubeletStats(tc.sandboxStats); got != tc.want {
				t.Errorf("HasKubeletStats = %t; want %t", got, tc.want)
			}
		})
	}
}
