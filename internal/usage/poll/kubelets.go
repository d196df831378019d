package poll

import "github.com/prometheus/client_golang/prometheus"

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
