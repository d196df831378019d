package extract_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// policy makes one ready for use, and fails the test where it cannot be.
func policy(t *testing.T, spec v1alpha1.KillOrderPolicySpec) *extract.Policy {
	t.Helper()
	p, err := extract.NewPolicy(&v1alpha1.KillOrderPolicy{Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPolicyDefaults(t *testing.T) {
	want := *Policy()
	want.DisabledFindings = map[string]bool{}
	for name, p := range map[string]*extract.Policy{
		"no policy": extract.DefaultPolicy(), "an empty spec": policy(t, v1alpha1.KillOrderPolicySpec{}),
	} {
		if diff := cmp.Diff(want, p.Policy); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPolicyAsSet(t *testing.T) {
	p := policy(t, v1alpha1.KillOrderPolicySpec{
		TopN: 20, NearLimitPercent: 90, Usage: v1alpha1.UsagePolicy{MaxAgeSeconds: 60, Source: v1alpha1.PreferKubelet},
		Critical:            v1alpha1.CriticalPolicy{RiskRank: 5, RiskHeadroomPercent: new(int32(0))},
		AssumedEvictionHard: new(intstr.FromString("5%")), DisabledFindings: []string{"BestEffortPod"},
	})
	want := facts.Policy{
		Source: facts.SourceKubelet, TopN: 20, RiskRank: 5, RiskHeadroomPercent: 0, NearLimitPercent: 90, MaxAge: time.Minute,
		MinPriority: 100000, AssumedEvictionHard: facts.Threshold{Set: true, Fraction: 0.05}, DisabledFindings: map[string]bool{"BestEffortPod": true},
	}
	if diff := cmp.Diff(want, p.Policy); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

func TestPolicySource(t *testing.T) {
	for preference, want := range map[v1alpha1.UsagePreference]facts.Source{
		"": facts.SourceNone, v1alpha1.PreferAuto: facts.SourceNone,
		v1alpha1.PreferMetricsAPI: facts.SourceMetricsAPI, v1alpha1.PreferKubelet: facts.SourceKubelet,
	} {
		if got := policy(t, v1alpha1.KillOrderPolicySpec{Usage: v1alpha1.UsagePolicy{Source: preference}}).Source; got != want {
			t.Errorf("%q wants source %d; want %d", preference, got, want)
		}
	}
}

func TestPolicyAtTheEndsOfItsRanges(t *testing.T) {
	spec := func(rank, percent, age, headroom, priority int32) v1alpha1.KillOrderPolicySpec {
		return v1alpha1.KillOrderPolicySpec{
			TopN: rank, NearLimitPercent: percent, Usage: v1alpha1.UsagePolicy{MaxAgeSeconds: age},
			Critical: v1alpha1.CriticalPolicy{RiskRank: rank, RiskHeadroomPercent: &headroom, MinPriority: &priority},
		}
	}
	for name, s := range map[string]v1alpha1.KillOrderPolicySpec{
		"least": spec(1, 1, 15, 0, math.MinInt32), "most": spec(20, 100, 600, 100, 1000000000),
	} {
		p := policy(t, s)
		want := facts.Policy{
			TopN: int(s.TopN), RiskRank: int(s.TopN), RiskHeadroomPercent: int(*s.Critical.RiskHeadroomPercent),
			NearLimitPercent: int(s.NearLimitPercent), MaxAge: time.Duration(s.Usage.MaxAgeSeconds) * time.Second,
			MinPriority: *s.Critical.MinPriority, AssumedEvictionHard: facts.Threshold{Set: true, Bytes: 100 * MiB}, DisabledFindings: map[string]bool{},
		}
		if diff := cmp.Diff(want, p.Policy); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPolicyErrorsNameTheField(t *testing.T) {
	selector := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
	cases := map[string]v1alpha1.KillOrderPolicySpec{
		"spec.topN":                         {TopN: 21},
		"spec.nearLimitPercent":             {NearLimitPercent: -1},
		"spec.usage.maxAgeSeconds":          {Usage: v1alpha1.UsagePolicy{MaxAgeSeconds: 14}},
		"spec.critical.riskRank":            {Critical: v1alpha1.CriticalPolicy{RiskRank: -3}},
		"spec.critical.riskHeadroomPercent": {Critical: v1alpha1.CriticalPolicy{RiskHeadroomPercent: new(int32(101))}},
		"spec.critical.minPriority":         {Critical: v1alpha1.CriticalPolicy{MinPriority: new(int32(1000000001))}},
		"spec.assumedEvictionHard":          {AssumedEvictionHard: new(intstr.FromString("much"))},
		"spec.critical.podSelector":         {Critical: v1alpha1.CriticalPolicy{PodSelector: selector}},
		"spec.critical.namespaceSelector":   {Critical: v1alpha1.CriticalPolicy{NamespaceSelector: selector}},
		"spec.production.namespaceSelector": {Production: v1alpha1.ProductionPolicy{NamespaceSelector: selector}},
	}
	for field, spec := range cases {
		t.Run(field, func(t *testing.T) {
			p, err := extract.NewPolicy(&v1alpha1.KillOrderPolicy{Spec: spec})
			if err == nil || !strings.HasPrefix(err.Error(), field+": ") || p != nil {
				t.Errorf("policy %v, error %v; want none, and an error of %s", p, err, field)
			}
		})
	}
}

func TestCritical(t *testing.T) {
	labelled := func(key, value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	}
	everything := &metav1.LabelSelector{}
	cases := map[string]struct {
		critical  v1alpha1.CriticalPolicy
		priority  int32
		labels    facts.Labels
		namespace facts.Labels
		want      bool
	}{
		"below the default priority":    {priority: 99999},
		"at the default priority":       {priority: 100000, want: true},
		"the highest a user can define": {priority: 1000000000, want: true},
		"above that are no workloads":   {priority: 1000000001},
		"below a priority of one's own": {critical: v1alpha1.CriticalPolicy{MinPriority: new(int32(500))}, priority: 499},
		"at a priority of one's own":    {critical: v1alpha1.CriticalPolicy{MinPriority: new(int32(500))}, priority: 500, want: true},
		"any priority from 0":           {critical: v1alpha1.CriticalPolicy{MinPriority: new(int32(0))}, want: true},
		"a negative priority":           {critical: v1alpha1.CriticalPolicy{MinPriority: new(int32(-10))}, priority: -10, want: true},
		"no selector selects nothing":   {labels: facts.Labels{"killorder.io/critical", "true"}},
		"an empty selector selects all": {critical: v1alpha1.CriticalPolicy{PodSelector: everything}, want: true},
		"selected by label":             {critical: v1alpha1.CriticalPolicy{PodSelector: labelled("tier", "db")}, labels: facts.Labels{"tier", "db"}, want: true},
		"another value":                 {critical: v1alpha1.CriticalPolicy{PodSelector: labelled("tier", "db")}, labels: facts.Labels{"tier", "web"}},
		"selected by namespace":         {critical: v1alpha1.CriticalPolicy{NamespaceSelector: labelled("env", "prod")}, namespace: facts.Labels{"env", "prod"}, want: true},
		"another namespace":             {critical: v1alpha1.CriticalPolicy{NamespaceSelector: labelled("env", "prod")}, labels: facts.Labels{"env", "prod"}},
		"a label where labels count": {
			critical: v1alpha1.CriticalPolicy{PodSelector: labelled("tier", "db"), PodSelectorNamespaces: labelled("trusted", "yes")},
			labels:   facts.Labels{"tier", "db"}, namespace: facts.Labels{"trusted", "yes"}, want: true,
		},
		"a label where labels do not count": {
			critical: v1alpha1.CriticalPolicy{PodSelector: labelled("tier", "db"), PodSelectorNamespaces: labelled("trusted", "yes")},
			labels:   facts.Labels{"tier", "db"}, namespace: facts.Labels{"trusted", "no"},
		},
		"any namespace": {critical: v1alpha1.CriticalPolicy{NamespaceSelector: everything}, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := policy(t, v1alpha1.KillOrderPolicySpec{Critical: tc.critical})
			if got := p.Critical(&facts.Pod{Priority: tc.priority, Labels: tc.labels}, tc.namespace); got != tc.want {
				t.Errorf("critical %t; want %t", got, tc.want)
			}
			more := slices.Concat(facts.Labels{"app", "web"}, tc.labels, facts.Labels{"zone", "a"})
			if got := p.Critical(&facts.Pod{Priority: tc.priority, Labels: p.LabelsAskedFor(more)}, tc.namespace); got != tc.want {
				t.Errorf("critical %t with the labels that the policy asks for; want %t", got, tc.want)
			}
			if tc.critical.PodSelector == nil && len(p.LabelsAskedFor(more)) > 0 {
				t.Errorf("the policy asks for %q", p.LabelsAskedFor(more))
			}
		})
	}
}

func TestDefaultPolicySelectsByLabel(t *testing.T) {
	critical := &facts.Pod{Labels: facts.Labels{"killorder.io/critical", "true"}}
	if p := extract.DefaultPolicy(); !p.Critical(critical, facts.Labels(nil)) || p.Critical(&facts.Pod{}, facts.Labels(nil)) {
		t.Error("want pods labelled killorder.io/critical=true to be critical, and no others")
	}
}

func TestProduction(t *testing.T) {
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}
	cases := map[string]struct {
		selector  *metav1.LabelSelector
		name      string
		namespace facts.Labels
		want      bool
	}{
		"no selector: all":              {name: "shop", want: true},
		"no selector: not kube-system":  {name: "kube-system"},
		"selected":                      {selector: selector, name: "shop", namespace: facts.Labels{"env", "prod"}, want: true},
		"not selected":                  {selector: selector, name: "shop"},
		"kube-system, selected":         {selector: selector, name: "kube-system", namespace: facts.Labels{"env", "prod"}, want: true},
		"an empty selector selects all": {selector: &metav1.LabelSelector{}, name: "kube-system", want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := policy(t, v1alpha1.KillOrderPolicySpec{Production: v1alpha1.ProductionPolicy{NamespaceSelector: tc.selector}})
			if got := p.Production(tc.name, tc.namespace); got != tc.want {
				t.Errorf("production %t; want %t", got, tc.want)
			}
		})
	}
}

// TestFact8ParseThreshold has what the kubelet's parser takes (kubelet/eviction/helpers.go parseThresholdStatement,
// and the figures of TestParsePercentage, v1.37.2); where it says nil or "must be positive", there is no threshold.
func TestFact8ParseThreshold(t *testing.T) {
	cases := map[string]struct {
		value   string
		want    facts.Threshold
		wantErr bool
	}{
		"a quantity":              {"100Mi", facts.Threshold{Set: true, Bytes: 100 * MiB}, false},
		"plain bytes":             {"104857600", facts.Threshold{Set: true, Bytes: 100 * MiB}, false},
		"a percentage":            {"25.5%", facts.Threshold{Set: true, Fraction: 0.255}, false},
		"a float32":               {"5%", facts.Threshold{Set: true, Fraction: float32(5) / 100}, false},
		"none":                    {"0", facts.Threshold{}, false},
		"0% is none":              {"0%", facts.Threshold{}, false},
		"100% is none":            {"100%", facts.Threshold{}, false},
		"99.9%":                   {"99.9%", facts.Threshold{Set: true, Fraction: float32(99.9) / 100}, false},
		"100.0% is not 100%":      {"100.0%", facts.Threshold{Set: true, Fraction: 1}, false}, // the kubelet compares strings
		"more than all":           {"101%", facts.Threshold{}, true},
		"less than nothing":       {"-1%", facts.Threshold{}, true},
		"a negative quantity":     {"-1Mi", facts.Threshold{}, true},
		"blah":                    {"blah", facts.Threshold{}, true},
		"foo%":                    {"foo%", facts.Threshold{}, true},
		"12%345":                  {"12%345", facts.Threshold{}, true},
		"not a number":            {"NaN%", facts.Threshold{}, true},
		"infinity":                {"Inf%", facts.Threshold{}, true},
		"a percentage of nothing": {"%", facts.Threshold{}, true},
		"nothing":                 {"", facts.Threshold{}, true},
		"absurd":                  {"8E", facts.Threshold{Set: true, Bytes: facts.MaxBytes}, false},
		"an exponent":             {"1e-999", facts.Threshold{Set: true, Bytes: 1}, false},
		"one that takes long":     {"1e-9999", facts.Threshold{}, true},
		"one of four digits":      {"1E9999", facts.Threshold{}, true},
		"more digits than sense":  {strings.Repeat("0", 60) + "100Mi", facts.Threshold{}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := extract.Threshold(tc.value)
			if diff := cmp.Diff(tc.want, got); diff != "" || (err != nil) != tc.wantErr {
				t.Errorf("Threshold(%q): error %v, (-want +got):\n%s", tc.value, err, diff)
			}
		})
	}
}
