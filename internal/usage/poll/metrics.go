package poll

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/killorder/killorder/internal/usage"
)

// Metrics are the passes' Prometheus metrics. A nil *Metrics counts nothing.
type Metrics struct {
	passes   prometheus.Counter
	failures *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	lastPass prometheus.Gauge
	readings *prometheus.GaugeVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		passes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "killorder_usage_passes_total",
			Help: "Passes over the source of usage readings, failed ones included.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "killorder_usage_failures_total",
			Help: "Passes that could not read all pods, nodes or kubelets, by cause. Partial: pods or nodes failed, but not both.",
		}, []string{"cause"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "killorder_usage_readings_dropped_total",
			Help: "Readings that could not be used, by cause.",
		}, []string{"cause"}),
		lastPass: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "killorder_usage_last_pass_timestamp_seconds",
			Help: "When the latest pass ended, in Unix seconds.",
		}),
		readings: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "killorder_usage_readings",
			Help: "Pods and nodes that the latest pass had a reading of. Kubelets of quiet nodes are asked in some passes only.",
		}, []string{"of"}),
	}
	for _, cause := range usage.FailureCauses {
		m.failures.WithLabelValues(string(cause)) // rates need a series that begins at 0
	}
	for _, cause := range usage.DropCauses {
		m.dropped.WithLabelValues(string(cause))
	}
	registry.MustRegister(m.passes, m.failures, m.dropped, m.lastPass, m.readings)
	return m
}

func (m *Metrics) observe(s *Status) {
	if m == nil {
		return
	}
	m.passes.Inc()
	m.lastPass.Set(float64(s.At.UnixNano()) / 1e9)
	m.readings.WithLabelValues("pods").Set(float64(s.Pods))
	m.readings.WithLabelValues("nodes").Set(float64(s.Nodes))
	causes := sets.New[usage.FailureCause]() // where pods and nodes fail for the same cause, one pass failed
	for _, f := range s.Failures {
		causes.Insert(f.Cause)
	}
	for cause := range causes {
		m.failures.WithLabelValues(string(cause)).Inc()
	}
	for cause, count := range s.Dropped {
		m.dropped.WithLabelValues(string(cause)).Add(float64(count))
	}
}

var (
	kubeletsDesc = prometheus.NewDesc("killorder_usage_kubelets",
		"Kubelets by the result of the last request for their usage: Answered, or why not. Absent where kubelets are not asked.",
		[]string{"result"}, nil)
	configsDesc = prometheus.NewDesc("killorder_usage_kubelet_configurations",
		"Kubelets whose configuration is known: their eviction thresholds and reservations are exact.", nil, nil)
)

// Kubelets is a prometheus.Collector of how the nodes' kubelets answer.
type Kubelets struct {
	// Results counts the kubelets by the result of the last request, and those whose configuration is known.
	Results func() (results map[string]int, configs int)
}

// Describe the gauges.
func (Kubelets) Describe(ch chan<- *prometheus.Desc) {
	ch <- kubeletsDesc
	ch <- configsDesc
}

// Collect counts the kubelets when Prometheus scrapes.
func (k Kubelets) Collect(ch chan<- prometheus.Metric) {
	results, configs := k.Results()
	for result, count := range results {
		ch <- prometheus.MustNewConstMetric(kubeletsDesc, prometheus.GaugeValue, float64(count), result)
	}
	if len(results) > 0 {
		ch <- prometheus.MustNewConstMetric(configsDesc, prometheus.GaugeValue, float64(configs))
	}
}
