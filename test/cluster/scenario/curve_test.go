package scenario

import (
	"testing"
	"time"
)

var start = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func TestCurve(t *testing.T) {
	growing := Curve{From: 1000, To: 3000, After: 10 * time.Second, Over: 20 * time.Second}
	shrinking := Curve{From: 3000, To: 1000, Over: 10 * time.Second}
	tests := map[string]struct {
		curve Curve
		at    time.Duration
		want  int64
	}{
		"constant":             {Curve{From: 500, To: 500}, time.Hour, 500},
		"before it began":      {growing, -time.Second, 1000},
		"growth not yet begun": {growing, 10 * time.Second, 1000},
		"half grown":           {growing, 20 * time.Second, 2000},
		"grown":                {growing, 30 * time.Second, 3000},
		"long after":           {growing, time.Hour, 3000},
		"shrinking":            {shrinking, 5 * time.Second, 2000},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if have := test.curve.At(test.at, 7); have != test.want {
				t.Errorf("have %d, want %d", have, test.want)
			}
		})
	}
}

func TestNoiseIsBoundedAndRepeatable(t *testing.T) {
	curve := Curve{From: 1_000_000, To: 1_000_000, Noise: 0.1}
	different := map[int64]bool{}
	for key := range uint64(100) {
		at := time.Duration(key) * 7 * time.Second
		have := curve.At(at, key)
		if have < 900_000 || have > 1_100_000 || have != curve.At(at, key) {
			t.Fatalf("key %d: %d", key, have)
		}
		different[have] = true
	}
	if len(different) < 90 {
		t.Errorf("only %d different amounts of 100", len(different))
	}
}

// TestStory checks what the docs say about the story: which pod dies at a
// node-level OOM, and that memory is short at the end, on all three nodes.
func TestStory(t *testing.T) {
	model, err := Load("../scenarios/story.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const mib, hour = 1 << 20, time.Hour
	want := map[string]string{"worker-1": "data-pipeline", "worker-2": "payments-api", "worker-3": "payments-api"}
	for _, node := range model.Nodes {
		capacity := node.Class.MemoryCapacity()
		kubelet, runtime, other := node.SystemWorkingSet(hour)
		used, requested := kubelet+runtime+other, int64(0)
		victim, worst, second := "", int64(0), int64(0)
		for _, pod := range node.Pods {
			for i, c := range pod.Class.Containers {
				used += pod.WorkingSet(i, hour)
				requested += c.Resources.Requests.Memory().Value()
				switch badness := pod.WorkingSet(i, hour) + adjust(pod, &c, capacity)*capacity/1000; {
				case badness > worst:
					victim, worst, second = pod.Class.Name, badness, worst
				case badness > second:
					second = badness
				}
			}
		}
		if victim != want[node.Name] || worst-second < 30*mib {
			t.Errorf("%s: %s dies, by %d MiB; want %s by a clear margin", node.Name, victim, (worst-second)/mib, want[node.Name])
		}
		if free := (capacity - used) / mib; free < 130 || free > 200 {
			t.Errorf("%s: %d MiB left in the end, want more than the threshold of 100 but not much", node.Name, free)
		}
		if allocatable := node.Class.Allocatable.Memory().Value(); requested > allocatable {
			t.Errorf("%s: %d MiB requested of %d: no scheduler would have done that", node.Name, requested/mib, allocatable/mib)
		}
	}
}

// adjust is the oom_score_adj of the story's containers; the engine has the
// rules in full.
func adjust(pod *Pod, c *Container, capacity int64) int64 {
	request, limit := c.Resources.Requests.Memory().Value(), c.Resources.Limits.Memory().Value()
	_, cpuLimited := c.Resources.Limits["cpu"]
	switch {
	case pod.Class.PriorityClass == "system-node-critical", request == limit && cpuLimited:
		return -997
	case len(c.Resources.Requests) == 0:
		return 1000
	}
	return min(999, max(3, 1000-1000*request/capacity))
}
