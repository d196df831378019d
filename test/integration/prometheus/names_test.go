package prometheus

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/controllers/kills"
	_ "github.com/killorder/killorder/internal/app" // with all that registers itself in the process
	"github.com/killorder/killorder/internal/engine/audit"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/status"
	"github.com/killorder/killorder/internal/usage/poll"
)

// foreign metrics that alerts and dashboard rely on, with their labels.
var foreign = map[string][]string{
	"up":                         nil,                                     // Prometheus itself
	"ALERTS":                     {"alertname", "alertstate", "severity"}, // Prometheus itself
	"kubelet_evictions":          {"eviction_signal"},                     // kubelet, /metrics
	"container_oom_events_total": {"namespace", "pod", "container"},       // kubelet, /metrics/cadvisor
	"node_vmstat_oom_kill":       nil,                                     // node_exporter, in its default set
}

// targetLabels are those that scraping adds.
var targetLabels = []string{"job", "instance", "namespace", "pod", "container", "service", "endpoint", "node"}

var described = regexp.MustCompile(`fqName: "([^"]*)".*variableLabels: \{([^}]*)\}`)

// own metrics, with their labels, as the operator's collectors describe them.
func own(t *testing.T) map[string][]string {
	t.Helper()
	registry := prometheus.NewRegistry()
	poll.NewMetrics(registry)
	kills.NewMetrics(registry)
	publish.NewMetrics(registry, publish.NewGate(1, func(string) {}))
	registry.MustRegister(&publish.Collector{Summaries: func() []*status.NodeSummary { return nil }})
	collectors := []prometheus.Collector{registry}
	if process, ok := metrics.Registry.(prometheus.Collector); ok {
		collectors = append(collectors, process)
	}
	names := map[string][]string{}
	for _, c := range collectors {
		descs := make(chan *prometheus.Desc)
		go func() { defer close(descs); c.Describe(descs) }()
		for d := range descs {
			m := described.FindStringSubmatch(d.String())
			if m == nil {
				t.Fatalf("not understood: %s", d)
			}
			names[m[1]] = strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	histograms(t, registry, names)
	return names
}

// histograms replaces the names of histograms by those of the series that Prometheus keeps of them.
func histograms(t *testing.T, registry *prometheus.Registry, names map[string][]string) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetType().String() != "HISTOGRAM" {
			continue
		}
		name := f.GetName()
		names[name+"_bucket"], names[name+"_sum"], names[name+"_count"] = append(slices.Clone(names[name]), "le"), names[name], names[name]
		delete(names, name)
	}
}

// values that labels of the operator's own metrics can have.
var values = map[string][]string{
	"rule":     audit.Names(),
	"severity": {string(v1alpha1.SeverityCritical), string(v1alpha1.SeverityWarning), string(v1alpha1.SeverityInfo)},
	"killer":   {string(v1alpha1.KillerEviction), string(v1alpha1.KillerOOM)},
	"result":   {"written", "failed"},
	"condition": {
		v1alpha1.ConditionReady, v1alpha1.ConditionCriticalAtRisk, v1alpha1.ConditionWrongVictim, v1alpha1.ConditionMemoryPressure,
	},
}

var equals = regexp.MustCompile(`(\w+)="([^"]*)"`)

// use is an expression and where it stands.
type use struct{ where, expr string }

// uses are all expressions: of alerts, of their texts, of promtool's tests and of the dashboard.
func uses(t *testing.T) (all []use) {
	t.Helper()
	rules, err := alerts()
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		all = append(all, use{"alert " + rule.Alert, rule.Expr})
		for _, text := range rule.Annotations {
			for _, query := range queriesIn(text) {
				all = append(all, use{"text of alert " + rule.Alert, query})
			}
		}
	}
	for _, file := range testFiles(t) {
		var suite promtoolSuite
		if err := read(file, &suite); err != nil {
			t.Fatal(err)
		}
		for _, test := range suite.Tests {
			for _, s := range test.InputSeries {
				all = append(all, use{file, s.Series})
			}
			for _, q := range test.PromQL {
				all = append(all, use{file, q.Expr})
			}
		}
	}
	board, err := dashboardFile()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range board.queries() {
		all = append(all, use{"dashboard, " + q.panel, q.expr})
	}
	return all
}

// unknown says what in an expression no metric has.
func (u use) unknown(known map[string][]string) (problems []string) {
	n := namedIn(u.expr)
	var labels []string
	for metric, selected := range n.metrics {
		has, ok := known[metric]
		if !ok {
			problems = append(problems, fmt.Sprintf("%s: no such metric: %s", u.where, metric))
			continue
		}
		has = slices.Concat(has, targetLabels)
		labels = append(labels, has...)
		for _, l := range selected {
			if !slices.Contains(has, l) {
				problems = append(problems, fmt.Sprintf("%s: %s has no label %s", u.where, metric, l))
			}
		}
	}
	for _, m := range equals.FindAllStringSubmatch(u.expr, -1) {
		if possible, ok := values[m[1]]; ok && !slices.Contains(possible, m[2]) {
			problems = append(problems, fmt.Sprintf("%s: %s is never %s", u.where, m[1], m[2]))
		}
	}
	for _, l := range n.groups {
		if !slices.Contains(labels, l) {
			problems = append(problems, fmt.Sprintf("%s: groups by %s, a label of none of its metrics", u.where, l))
		}
	}
	if len(n.metrics) == 0 {
		problems = append(problems, fmt.Sprintf("%s: names no metric: %s", u.where, u.expr))
	}
	return problems
}

// An alert on a metric that is spelt wrong never fires, and nobody notices.
func TestEveryMetricNamedExists(t *testing.T) {
	known := own(t)
	maps.Copy(known, foreign)
	all := uses(t)
	if len(all) < 50 {
		t.Fatalf("only %d expressions found: something is not read", len(all))
	}
	named := map[string]bool{}
	for _, u := range all {
		for _, problem := range u.unknown(known) {
			t.Error(problem)
		}
		for metric := range namedIn(u.expr).metrics {
			named[metric] = true
		}
	}
	for metric := range foreign {
		if !named[metric] {
			t.Errorf("%s is listed as foreign, and nothing uses it", metric)
		}
	}
	t.Logf("%d expressions name %d metrics, all of which exist", len(all), len(named))
}

func TestUnknownNamesAreFound(t *testing.T) {
	known := own(t)
	tests := map[string]string{
		`killorder_node_headrooms_bytes`:                "no such metric: killorder_node_headrooms_bytes",
		`killorder_node_condition{type="Ready"}`:        "killorder_node_condition has no label type",
		`sum by (rule) (killorder_node_headroom_bytes)`: "groups by rule",
		`killorder_node_condition{condition="Raedy"}`:   "condition is never Raedy",
		`killorder_node_findings{rule="NearLimit"}`:     "rule is never NearLimit",
		`vector(1)`: "names no metric",
		`killorder_writes_total{result="failed"} / by_mistakes`: "no such metric: by_mistakes",
	}
	for expr, want := range tests {
		if got := (use{"here", expr}).unknown(known); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}
