package publish

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/status"
)

const (
	miB = factstest.MiB
	giB = factstest.GiB
)

// exposed gathers as a scrape does, label collisions included, and returns sorted series with their values.
func exposed(t *testing.T, c prometheus.Collector) []string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	return gathered(t, registry)
}

func gathered(t *testing.T, registry *prometheus.Registry) (series []string) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			series = append(series, fmt.Sprintf("%s{%s} %.0f",
				strings.TrimPrefix(f.GetName(), "killorder_"), strings.Join(labels, ","), value))
		}
	}
	slices.Sort(series)
	return series
}

func collectorOf(summaries ...*status.NodeSummary) *Collector {
	return &Collector{Summaries: func() []*status.NodeSummary { return summaries }}
}

// What a node in trouble shows: the gauges of a judged node, not of a summary made up for the test.
func TestCollectorShowsWhatWasJudged(t *testing.T) {
	now := factstest.Now
	n := factstest.Node(16*giB,
		factstest.Pod("critical").Running(0, 800*miB).Critical(), factstest.Pod("a").Running(0, 500*miB))
	n.Allocatable = n.Capacity - 100*miB // the kubelet's default threshold
	n.Usage.ObservedAt, n.Usage.WorkingSet = now.Add(-20*time.Second), 15*giB
	v, s := status.Judge(n, &facts.Policy{
		TopN: 3, RiskRank: 3, RiskHeadroomPercent: 15, NearLimitPercent: 85, MinPriority: 100000, MaxAge: 3 * time.Minute,
		AssumedEvictionHard: facts.Threshold{Set: true, Bytes: 100 * miB},
	}, &status.History{}, 3, 1, now)
	summary := status.Summarize(&v, &s)
	summary.Findings = map[string]status.RuleCount{
		"NearMemoryLimit": {Severity: v1alpha1.SeverityWarning, Count: 2}, "CriticalNotGuaranteed": {Severity: v1alpha1.SeverityCritical, Count: 1},
	}
	node := n.Name
	want := []string{
		fmt.Sprintf("critical_pod_rank{killer=Eviction,namespace=shop,node=%s,pod=critical} 1", node),
		fmt.Sprintf("critical_pod_rank{killer=OOM,namespace=shop,node=%s,pod=critical} 1", node),
		fmt.Sprintf("node_capacity_bytes{node=%s} %d", node, 16*giB),
		fmt.Sprintf("node_condition{condition=CriticalAtRisk,node=%s} 1", node),
		fmt.Sprintf("node_condition{condition=MemoryPressure,node=%s} 0", node),
		fmt.Sprintf("node_condition{condition=Ready,node=%s} 1", node),
		fmt.Sprintf("node_condition{condition=WrongVictim,node=%s} 0", node),
		fmt.Sprintf("node_critical_at_risk{node=%s} 1", node),
		fmt.Sprintf("node_findings{node=%s,rule=CriticalNotGuaranteed,severity=Critical} 1", node),
		fmt.Sprintf("node_findings{node=%s,rule=NearMemoryLimit,severity=Warning} 2", node),
		fmt.Sprintf("node_headroom_bytes{node=%s} %d", node, v.Memory.Headroom),
		fmt.Sprintf("node_oom_headroom_bytes{node=%s} %d", node, v.Memory.OOMHeadroom),
		fmt.Sprintf("node_usage_timestamp_seconds{node=%s} %d", node, now.Add(-20*time.Second).Unix()),
	}
	if diff := cmp.Diff(want, exposed(t, collectorOf(summary))); diff != "" {
		t.Error(diff)
	}
}

// Unknown is a value: a gauge that is not known is absent, it is not 0, which would page somebody.
func TestCollectorLeavesOutWhatIsNotKnown(t *testing.T) {
	got := exposed(t, collectorOf(&status.NodeSummary{Node: "silent", Capacity: giB}))
	for _, name := range []string{"headroom", "usage_timestamp", "rank", "findings"} {
		if i := slices.IndexFunc(got, func(s string) bool { return strings.Contains(s, name) }); i >= 0 {
			t.Errorf("shown although unknown: %s", got[i])
		}
	}
	if !slices.Contains(got, "node_condition{condition=Ready,node=silent} 0") {
		t.Errorf("a node without readings is not Ready: %v", got)
	}
}

// A replica that stands by judges nothing and shows no node, so that each node has one series in the cluster.
func TestCollectorOfAReplicaThatStandsBy(t *testing.T) {
	if got := exposed(t, collectorOf()); len(got) != 0 {
		t.Errorf("series of a replica that judged nothing: %v", got)
	}
}

// Counters exist from the first scrape: an increase from nothing to 1 is none to Prometheus.
func TestCountersStartAtZero(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := NewMetrics(registry, NewGate(1, func(string) {}))
	want := []string{
		"events_left_out_total{cause=late} 0", "events_left_out_total{cause=refused} 0",
		"events_total{reason=CriticalPodAtRisk} 0", "events_total{reason=CriticalPodSafe} 0",
		"events_total{reason=PodKilled} 0", "events_total{reason=WrongVictimPredicted} 0",
		"usage_readings_absurd_total{} 0",
		"writes_held_back_total{reason=interval} 0", "writes_held_back_total{reason=rate} 0",
		"writes_held_back_total{reason=unchanged} 0",
		"writes_total{result=failed} 0", "writes_total{result=written} 0",
		"writes_waiting{} 0",
	}
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Error(diff)
	}
	m.Written()
	m.WriteFailed()
	m.Unchanged()
	m.HeldForInterval()
	m.HeldForTurn()
	m.EventsLate(1)
	m.EventRefused()
	for _, reason := range []string{
		status.EventCriticalPodAtRisk, status.EventCriticalPodSafe, status.EventWrongVictimPredicted, status.EventPodKilled,
	} {
		m.Event(reason)
	}
	if got := gathered(t, registry); len(got) != len(want) {
		t.Errorf("counting made new series, so a label value was not there from the start: %v", got)
	}
}

// What a scrape takes for a thousand nodes.
func BenchmarkScrape(b *testing.B) {
	var all []*status.NodeSummary
	for i := range 1000 {
		left := int64(i) * miB
		all = append(all, &status.NodeSummary{
			Node: fmt.Sprint("node-", i), Capacity: giB, Headroom: &left, OOMHeadroom: &left, ObservedAt: factstest.Now,
			Findings: map[string]status.RuleCount{"NearMemoryLimit": {Severity: v1alpha1.SeverityWarning, Count: 2}},
		})
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectorOf(all...))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
