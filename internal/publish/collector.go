package publish

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/status"
)

// Collector shows the last judgement of each node as gauges. The summaries are read only when Prometheus scrapes, so
// that gauges add nothing to the cost of judging.
type Collector struct {
	// Summaries returns one summary for each node judged.
	Summaries func() []*status.NodeSummary
}

var (
	perNode      = []string{"node"}
	headroomDesc = prometheus.NewDesc("killorder_node_headroom_bytes",
		"What is left before the kubelet evicts; negative beyond the threshold.", perNode, nil)
	oomHeadroomDesc = prometheus.NewDesc("killorder_node_oom_headroom_bytes",
		"What is left before the kernel's OOM killer acts above container level.", perNode, nil)
	timeToThresholdDesc = prometheus.NewDesc("killorder_node_time_to_threshold_seconds",
		"Estimated time until the kubelet evicts if memory goes on growing; absent where that is not meaningful.", perNode, nil)
	capacityDesc = prometheus.NewDesc("killorder_node_capacity_bytes",
		"Memory capacity of the node.", perNode, nil)
	criticalDesc = prometheus.NewDesc("killorder_node_critical_at_risk",
		"Critical pods within riskRank of an order.", perNode, nil)
	conditionDesc = prometheus.NewDesc("killorder_node_condition",
		"1 if the condition of the NodeKillOrder is True.", []string{"node", "condition"}, nil)
	findingsDesc = prometheus.NewDesc("killorder_node_findings",
		"Misconfigurations found, by rule and severity.", []string{"node", "rule", "severity"}, nil)
	observedDesc = prometheus.NewDesc("killorder_node_usage_timestamp_seconds",
		"When the oldest reading used was observed.", perNode, nil)
	rankDesc = prometheus.NewDesc("killorder_critical_pod_rank",
		"Rank of a critical pod within the first topN of a killer's order; 1 dies first.",
		[]string{"node", "namespace", "pod", "killer"}, nil)
)

// Describe the gauges.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		headroomDesc, oomHeadroomDesc, timeToThresholdDesc, capacityDesc, criticalDesc, conditionDesc, findingsDesc, observedDesc, rankDesc,
	} {
		ch <- d
	}
}

// Collect the gauges of every node.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.Summaries() {
		gauge := func(d *prometheus.Desc, value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{s.Node}, labels...)...)
		}
		gauge(capacityDesc, float64(s.Capacity))
		if s.Headroom != nil {
			gauge(headroomDesc, float64(*s.Headroom))
		}
		if s.OOMHeadroom != nil {
			gauge(oomHeadroomDesc, float64(*s.OOMHeadroom))
		}
		if s.TimeToThreshold > 0 {
			gauge(timeToThresholdDesc, s.TimeToThreshold.Seconds())
		}
		if !s.ObservedAt.IsZero() {
			gauge(observedDesc, float64(s.ObservedAt.Unix()))
		}
		gauge(criticalDesc, float64(s.CriticalAtRisk))
		for _, kind := range []string{
			v1alpha1.ConditionReady, v1alpha1.ConditionCriticalAtRisk, v1alpha1.ConditionWrongVictim, v1alpha1.ConditionMemoryPressure,
		} {
			gauge(conditionDesc, truth(s.Conditions[kind]), kind)
		}
		for rule, f := range s.Findings {
			gauge(findingsDesc, float64(f.Count), rule, string(f.Severity))
		}
		for _, r := range s.Ranks {
			gauge(rankDesc, float64(r.Rank), r.Namespace, r.Pod, string(r.Killer))
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
