package kubelets

import (
	"strconv"
	"time"
)

// metricsWriter writes the text format of /metrics/resource: families in order
// of their names, each sample with the time it was taken, as the kubelet does
// (k8s.io/kubernetes pkg/kubelet/metrics/collectors/resource_metrics.go).
type metricsWriter struct {
	buf  []byte
	time []byte // " MILLISECONDS\n"
}

const noWindows = "Reported only on non-windows systems"

func appendResourceMetrics(buf []byte, s *sample, started time.Time) []byte {
	w := &metricsWriter{buf: buf}
	w.time = append(strconv.AppendInt([]byte{' '}, s.at.UnixMilli(), 10), '\n')
	swap := s.node.Class.Swap > 0

	w.family("container_cpu_usage_seconds_total", "[STABLE] Cumulative cpu time consumed by the container in core-seconds", "counter")
	w.containers(s, "container_cpu_usage_seconds_total", func(c *containerSample) float64 { return c.cpuSeconds }, w.time)
	w.family("container_memory_working_set_bytes", "[STABLE] Current working set of the container in bytes", "gauge")
	w.containers(s, "container_memory_working_set_bytes", func(c *containerSample) float64 { return float64(c.workingSet) }, w.time)
	w.family("container_start_time_seconds", "[STABLE] Start time of the container since unix epoch in seconds", "gauge")
	start := float64(started.UnixNano()) / float64(time.Second)
	w.containers(s, "container_start_time_seconds", func(*containerSample) float64 { return start }, []byte{'\n'})
	if swap {
		w.family("container_swap_usage_bytes", "[ALPHA] Current amount of the container swap usage in bytes. "+noWindows, "gauge")
		w.containers(s, "container_swap_usage_bytes", func(c *containerSample) float64 { return float64(c.swapUsage) }, w.time)
	}
	w.node("node_cpu_usage_seconds_total", "[STABLE] Cumulative cpu time consumed by the node in core-seconds", "counter", s.cpuSeconds)
	w.node("node_memory_working_set_bytes", "[STABLE] Current working set of the node in bytes", "gauge", float64(s.workingSet))
	if swap {
		w.node("node_swap_usage_bytes", "[ALPHA] Current swap usage of the node in bytes. "+noWindows, "gauge", float64(s.swapUsage))
	}
	w.family("pod_cpu_usage_seconds_total", "[STABLE] Cumulative cpu time consumed by the pod in core-seconds", "counter")
	w.pods(s, "pod_cpu_usage_seconds_total", func(p *podSample) float64 { return p.cpuSeconds })
	w.family("pod_memory_working_set_bytes", "[STABLE] Current working set of the pod in bytes", "gauge")
	w.pods(s, "pod_memory_working_set_bytes", func(p *podSample) float64 { return float64(p.workingSet) })
	w.family("resource_scrape_error", "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise", "gauge")
	w.text("resource_scrape_error 0\n")
	return w.buf
}

func (w *metricsWriter) text(parts ...string) {
	for _, p := range parts {
		w.buf = append(w.buf, p...)
	}
}

func (w *metricsWriter) family(name, help, kind string) {
	w.text("# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n")
}

func (w *metricsWriter) value(v float64, end []byte) {
	w.buf = strconv.AppendFloat(w.buf, v, 'g', -1, 64)
	w.buf = append(w.buf, end...)
}

func (w *metricsWriter) node(name, help, kind string, v float64) {
	w.family(name, help, kind)
	w.text(name, " ")
	w.value(v, w.time)
}

func (w *metricsWriter) pods(s *sample, name string, value func(*podSample) float64) {
	for i := range s.pods {
		p := &s.pods[i]
		w.text(name, `{namespace="`, p.pod.Class.Namespace, `",pod="`, p.pod.Name, `"} `)
		w.value(value(p), w.time)
	}
}

func (w *metricsWriter) containers(s *sample, name string, value func(*containerSample) float64, end []byte) {
	for i := range s.pods {
		p := &s.pods[i]
		for j := range p.containers {
			c := &p.containers[j]
			w.text(name, `{container="`, c.class.Name, `",namespace="`, p.pod.Class.Namespace, `",pod="`, p.pod.Name, `"} `)
			w.value(value(c), end)
		}
	}
}
