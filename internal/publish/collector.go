package publish

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

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

// conditions shown, each with its label.
var (
	conditions = []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionCriticalAtRisk, v1alpha1.ConditionWrongVictim, v1alpha1.ConditionMemoryPressure,
	}
	conditionLabels = labelsOf("condition", conditions)
)

// Collect the gauges of every node.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.Summaries() {
		all := gaugesOf(s)
		for i := range all {
			ch <- &all[i]
		}
	}
}

func gaugesOf(s *status.NodeSummary) []gauge {
	node := label("node", s.Node)
	ofNode := []*dto.LabelPair{node}
	all := make([]gauge, 0, 6+len(conditions)+len(s.Findings)+len(s.Ranks))
	add := func(d *prometheus.Desc, value float64, sorted ...*dto.LabelPair) {
		all = append(all, gauge{desc: d, labels: sorted, value: value})
	}
	add(capacityDesc, float64(s.Capacity), ofNode...)
	if s.Headroom != nil {
		add(headroomDesc, float64(*s.Headroom), ofNode...)
	}
	if s.OOMHeadroom != nil {
		add(oomHeadroomDesc, float64(*s.OOMHeadroom), ofNode...)
	}
	if s.TimeToThreshold > 0 {
		add(timeToThresholdDesc, s.TimeToThreshold.Seconds(), ofNode...)
	}
	if !s.ObservedAt.IsZero() {
		add(observedDesc, float64(s.ObservedAt.Unix()), ofNode...)
	}
	add(criticalDesc, float64(s.CriticalAtRisk), ofNode...)
	for i, kind := range conditions {
		add(conditionDesc, truth(s.Conditions[kind]), conditionLabels[i], node)
	}
	for rule, f := range s.Findings {
		add(findingsDesc, float64(f.Count), node, label("rule", rule), label("severity", string(f.Severity)))
	}
	for _, r := range s.Ranks {
		add(rankDesc, float64(r.Rank), label("killer", string(r.Killer)), label("namespace", r.Namespace), node, label("pod", r.Pod))
	}
	return all
}

// gauge is a prometheus.Metric like those of MustNewConstMetric, which allocates eight times for each: on a page of 5,000 nodes with
// 60,000 series their garbage was nearly a tenth of a pass's. The gauges of a node are allocated at once, and share the node's label.
type gauge struct {
	desc *prometheus.Desc
	// labels are sorted by name.
	labels []*dto.LabelPair
	value  float64
	shown  dto.Gauge
}

// Desc is the gauge's description.
func (g *gauge) Desc() *prometheus.Desc { return g.desc }

// Write lets a Metric show the gauge. The Metric shares labels and value with the gauge: nobody may change them.
func (g *gauge) Write(out *dto.Metric) error {
	g.shown.Value = &g.value
	out.Label, out.Gauge = g.labels, &g.shown
	return nil
}

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

func labelsOf(name string, values []string) (labels []*dto.LabelPair) {
	for _, v := range values {
		labels = append(labels, label(name, v))
	}
	return labels
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
