package kubelet

import "github.com/prometheus/client_golang/prometheus"

// resultAnswered is the result of kubelets that were read; the others' is the cause.
const resultAnswered = "Answered"

var (
	kubeletsDesc = prometheus.NewDesc("killorder_usage_kubelets",
		"Kubelets by the result of the last request for their usage: Answered, or why not. Absent where kubelets are not asked.",
		[]string{"result"}, nil)
	configsDesc = prometheus.NewDesc("killorder_usage_kubelet_configurations",
		"Kubelets whose configuration is known: their eviction thresholds and reservations are exact.", nil, nil)
)

// Describe the gauges: a Source is a prometheus.Collector.
func (*Source) Describe(ch chan<- *prometheus.Desc) {
	ch <- kubeletsDesc
	ch <- configsDesc
}

// Collect counts the kubelets when it is scraped.
func (s *Source) Collect(ch chan<- prometheus.Metric) {
	results, configs := map[string]int{}, 0
	s.mu.RLock()
	for _, k := range s.kubelets {
		switch {
		case k.problem != nil:
			results[string(k.problem.Cause)]++
		case k.answered:
			results[resultAnswered]++
		}
		if k.config != nil {
			configs++
		}
	}
	s.mu.RUnlock()
	for result, count := range results {
		ch <- prometheus.MustNewConstMetric(kubeletsDesc, prometheus.GaugeValue, float64(count), result)
	}
	if len(results) > 0 {
		ch <- prometheus.MustNewConstMetric(configsDesc, prometheus.GaugeValue, float64(configs))
	}
}
