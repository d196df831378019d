package kubelet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/kubelet/summary"
)

const evidence = "../../snapshot/testdata/evidence/kubelet/vm/stats-summary.json"

// byTypes reads a Summary with the API's own types, as the Summary in a snapshot is read.
func byTypes(t *testing.T, text []byte) *summary.Answer {
	t.Helper()
	var s stats.Summary
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	a := &summary.Answer{NodeName: []byte(s.Node.NodeName), Node: extract.SummaryNode(&s.Node)}
	for i := range s.Pods {
		r := extract.SummaryPod(&s.Pods[i])
		p := usage.Pod{
			Source: r.Source, Namespace: []byte(s.Pods[i].PodRef.Namespace), Name: []byte(s.Pods[i].PodRef.Name),
			ObservedAt: r.ObservedAt, WorkingSet: r.WorkingSet,
		}
		if m := s.Pods[i].Memory; m == nil || m.WorkingSetBytes == nil {
			p.WorkingSet = facts.Unknown // the store sums the containers' up
		}
		for _, c := range r.Containers {
			p.Containers = append(p.Containers, usage.Container{Name: []byte(c.Name), ContainerUsage: c.ContainerUsage})
		}
		a.Pods = append(a.Pods, p)
	}
	return a
}

// all pods are kept.
func all(*usage.Pod) bool { return true }

func sameAnswer(t *testing.T, want, got *summary.Answer) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-by the API's types +from the wire:\n%s", diff)
	}
}

func TestReadIsWhatTheTypesSay(t *testing.T) {
	captured, err := os.ReadFile(evidence)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a real kubelet's": string(captured),
		"nothing":          `{}`,
		"nulls":            `{"node":null,"pods":null}`,
		"nulls inside":     `{"node":{"nodeName":null,"memory":null,"swap":{"swapUsageBytes":null}},"pods":[{"podRef":null,"containers":null},{"podRef":{"name":"web"}}]}`,
		"members in another order": `{"pods":[{"containers":[{"memory":{"rssBytes":1,"workingSetBytes":2,"time":"2026-11-24T06:00:00Z"},"name":"app"}],
			"memory":{"workingSetBytes":5,"time":"2026-11-24T06:00:09Z"},"podRef":{"name":"web","namespace":"shop"}}],
			"node":{"memory":{"availableBytes":7,"time":"2026-11-24T06:00:01Z"},"nodeName":"n"}}`,
		"a pod without figures of its own": `{"pods":[{"podRef":{"name":"web","namespace":"shop"},"memory":{"time":"2026-11-24T07:00:00Z"},"containers":[
			{"name":"a","memory":{"time":"2026-11-24T06:00:09Z","workingSetBytes":3}},
			{"name":"b","memory":{"time":"2026-11-24T06:00:05Z","workingSetBytes":4}},
			{"name":"c","memory":{"time":"2026-11-24T06:00:01Z"}},{"name":"d"}]}]}`,
		"swap": `{"node":{"nodeName":"n","swap":{"swapAvailableBytes":5,"swapUsageBytes":6},"systemContainers":[
			{"name":"kubelet","memory":{"workingSetBytes":1}},{"name":"pods","memory":{"workingSetBytes":9}}]},
			"pods":[{"podRef":{"name":"web","namespace":"shop"},"containers":[{"name":"a","swap":{"swapUsageBytes":4}}]}]}`,
		"an absurd amount":       `{"node":{"memory":{"workingSetBytes":18446744073709551615}}}`,
		"escapes in names":       `{"pods":[{"podRef":{"name":"w\u0065b","namespace":"sh\/op"}}]}`,
		"unknown members, white": " {\n \"more\" : [ {\"pods\": 1}, \"x\" ] , \"pods\" : [ ] } \n",
	} {
		t.Run(name, func(t *testing.T) {
			var d summary.Decoder
			for range 2 { // the second time in used buffers
				got, err := d.Read(strings.NewReader(text), all)
				if err != nil {
					t.Fatal(err)
				}
				sameAnswer(t, byTypes(t, []byte(text)), got)
			}
		})
	}
}

func TestReadLeavesNothingBehind(t *testing.T) {
	var d summary.Decoder
	captured, err := os.ReadFile(evidence)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(bytes.NewReader(captured), all); err != nil {
		t.Fatal(err)
	}
	const text = `{"node":{},"pods":[{"podRef":{"name":"web"},"containers":[{}]}]}`
	got, err := d.Read(strings.NewReader(text), all)
	if err != nil {
		t.Fatal(err)
	}
	sameAnswer(t, byTypes(t, []byte(text)), got)
}

// TestReadAnySummary: whatever fields a kubelet leaves out, the decoder reads the same as the API's types.
func TestReadAnySummary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var d summary.Decoder
	for range 200 {
		text, err := json.Marshal(anySummary(r))
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Read(bytes.NewReader(text), all)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		sameAnswer(t, byTypes(t, text), got)
		if t.Failed() {
			t.Fatalf("%s", text)
		}
	}
}

func anySummary(r *rand.Rand) *stats.Summary {
	s := &stats.Summary{Node: stats.NodeStats{NodeName: "worker-1", Memory: anyMemory(r), Swap: anySwap(r)}}
	for range r.IntN(4) {
		name := []string{"kubelet", "runtime", "pods", "windows-global-commit-memory"}[r.IntN(4)]
		if slices.ContainsFunc(s.Node.SystemContainers, func(c stats.ContainerStats) bool { return c.Name == name }) {
			continue // there is one of each
		}
		s.Node.SystemContainers = append(s.Node.SystemContainers, stats.ContainerStats{Name: name, Memory: anyMemory(r)})
	}
	for i := range r.IntN(5) {
		p := stats.PodStats{PodRef: stats.PodReference{Name: fmt.Sprint("pod-", i), Namespace: "shop", UID: "u"}, Memory: anyMemory(r)}
		for c := range r.IntN(4) {
			p.Containers = append(p.Containers, stats.ContainerStats{Name: fmt.Sprint("c", c), Memory: anyMemory(r), Swap: anySwap(r)})
		}
		s.Pods = append(s.Pods, p)
	}
	return s
}

func anyMemory(r *rand.Rand) *stats.MemoryStats {
	if r.IntN(5) == 0 {
		return nil
	}
	m := &stats.MemoryStats{AvailableBytes: anyAmount(r), WorkingSetBytes: anyAmount(r), RSSBytes: anyAmount(r), UsageBytes: anyAmount(r)}
	if m.WorkingSetBytes != nil || r.IntN(2) == 0 {
		m.Time = metav1.Unix(1_790_000_000+int64(r.IntN(100)), 0)
	}
	return m
}

func anySwap(r *rand.Rand) *stats.SwapStats {
	if r.IntN(3) == 0 {
		return nil
	}
	return &stats.SwapStats{SwapAvailableBytes: anyAmount(r), SwapUsageBytes: anyAmount(r)}
}

func anyAmount(r *rand.Rand) *uint64 {
	switch r.IntN(6) {
	case 0:
		return nil
	case 1:
		return new(r.Uint64())
	}
	return new(uint64(r.IntN(1 << 34)))
}

// BenchmarkRead decodes the answer of a node with 30 pods of two containers, once with the Decoder and once with the API's
// types.
func BenchmarkRead(b *testing.B) {
	text := thirtyPods(b)
	b.Run("from the wire", func(b *testing.B) {
		var d summary.Decoder
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if a, err := d.Read(bytes.NewReader(text), all); err != nil || len(a.Pods) != 30 {
				b.Fatal(err)
			}
		}
	})
	b.Run("by the API's types", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			var s stats.Summary
			if err := json.NewDecoder(bytes.NewReader(text)).Decode(&s); err != nil || len(s.Pods) != 30 {
				b.Fatal(err)
			}
		}
	})
}

// thirtyPods is the answer of a real kubelet in which the first pod is repeated thirty times, with two containers.
func thirtyPods(tb testing.TB) []byte {
	tb.Helper()
	captured, err := os.ReadFile(evidence)
	if err != nil {
		tb.Fatal(err)
	}
	var s stats.Summary
	if err := json.Unmarshal(captured, &s); err != nil {
		tb.Fatal(err)
	}
	pod := s.Pods[0]
	pod.Containers = append(pod.Containers, pod.Containers[0])
	s.Pods = nil
	for i := range 30 {
		pod.PodRef.Name = fmt.Sprintf("payments-api-worker-7d9c8b6f5-%05d", i)
		s.Pods = append(s.Pods, pod)
	}
	text, err := json.Marshal(&s)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}
