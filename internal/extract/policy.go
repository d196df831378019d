package extract

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
)

// Defaults of a KillOrderPolicy, as its schema has them: for a policy read from a file, or none at all.
const (
	defaultTopN                = 10
	defaultMinPriority         = 100000
	defaultRiskRank            = 3
	defaultRiskHeadroomPercent = 15
	defaultNearLimitPercent    = 85
	defaultMaxAge              = 180 * time.Second
)

// maxSelectorError is the most bytes of an error about a label selector; the error repeats keys and values, of any length.
const maxSelectorError = 1000

// Policy is a KillOrderPolicy made ready for use.
type Policy struct {
	facts.Policy
	criticalPods        labels.Selector
	criticalPodsIn      labels.Selector
	criticalNamespaces  labels.Selector
	productionNamespace labels.Selector
}

// DefaultPolicy is what applies where there is no KillOrderPolicy.
func DefaultPolicy() *Policy {
	p, err := NewPolicy(&v1alpha1.KillOrderPolicy{Spec: v1alpha1.KillOrderPolicySpec{
		Critical: v1alpha1.CriticalPolicy{PodSelector: DefaultPodSelector()},
	}})
	if err != nil {
		panic(err) // the defaults are constants
	}
	return p
}

// DefaultPodSelector is what the schema sets where a policy's spec.critical has no podSelector.
func DefaultPodSelector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelCritical: "true"}}
}

// sources that a policy can want; Auto, the default, is none in particular.
var sources = map[v1alpha1.UsagePreference]facts.Source{
	v1alpha1.PreferMetricsAPI: facts.SourceMetricsAPI, v1alpha1.PreferKubelet: facts.SourceKubelet,
}

// NewPolicy makes a policy ready for use; what is not set in its spec has the schema's default, but for the
// podSelector, where absent means that no pod is selected. The error names the field.
func NewPolicy(k *v1alpha1.KillOrderPolicy) (*Policy, error) {
	s := &k.Spec
	if err := inRange(s); err != nil {
		return nil, err
	}
	p := &Policy{
		Policy: facts.Policy{
			Source:              sources[s.Usage.Source],
			TopN:                cmp.Or(int(s.TopN), defaultTopN),
			RiskRank:            cmp.Or(int(s.Critical.RiskRank), defaultRiskRank),
			RiskHeadroomPercent: int(ptr.Deref(s.Critical.RiskHeadroomPercent, defaultRiskHeadroomPercent)),
			NearLimitPercent:    cmp.Or(int(s.NearLimitPercent), defaultNearLimitPercent),
			MinPriority:         ptr.Deref(s.Critical.MinPriority, defaultMinPriority),
			MaxAge:              cmp.Or(time.Duration(s.Usage.MaxAgeSeconds)*time.Second, defaultMaxAge),
			DisabledFindings:    make(map[string]bool, len(s.DisabledFindings)),
		},
	}
	for _, name := range s.DisabledFindings {
		p.DisabledFindings[name] = true
	}
	if err := p.parse(s); err != nil {
		return nil, err
	}
	return p, nil
}

// inRange holds a policy read from a file to the ranges that the schema has; 0 stands for not set.
func inRange(s *v1alpha1.KillOrderPolicySpec) error {
	for _, f := range []struct {
		path               string
		value, least, most int32
	}{
		{"topN", s.TopN, 1, v1alpha1.MaxTopN},
		{"nearLimitPercent", s.NearLimitPercent, 1, 100},
		{"usage.maxAgeSeconds", s.Usage.MaxAgeSeconds, 15, 600},
		{"critical.riskRank", s.Critical.RiskRank, 1, v1alpha1.MaxTopN},
		{"critical.riskHeadroomPercent", ptr.Deref(s.Critical.RiskHeadroomPercent, 0), 0, 100},
		{"critical.minPriority", ptr.Deref(s.Critical.MinPriority, 0), math.MinInt32, v1alpha1.MaxCriticalPriority},
	} {
		if f.value != 0 && (f.value < f.least || f.value > f.most) {
			return fmt.Errorf("spec.%s: %d is not from %d to %d", f.path, f.value, f.least, f.most)
		}
	}
	return nil
}

func (p *Policy) parse(s *v1alpha1.KillOrderPolicySpec) (err error) {
	p.AssumedEvictionHard = linuxEvictionHard
	if s.AssumedEvictionHard != nil {
		if p.AssumedEvictionHard, err = Threshold(s.AssumedEvictionHard.String()); err != nil {
			return fmt.Errorf("spec.assumedEvictionHard: %w", err)
		}
	}
	for _, f := range []struct {
		path string
		from *metav1.LabelSelector
		to   *labels.Selector
	}{
		{"spec.critical.podSelector", s.Critical.PodSelector, &p.criticalPods},
		{"spec.critical.podSelectorNamespaces", s.Critical.PodSelectorNamespaces, &p.criticalPodsIn},
		{"spec.critical.namespaceSelector", s.Critical.NamespaceSelector, &p.criticalNamespaces},
		{"spec.production.namespaceSelector", s.Production.NamespaceSelector, &p.productionNamespace},
	} {
		if *f.to, err = metav1.LabelSelectorAsSelector(f.from); err != nil {
			// The error repeats keys of the policy as they are, control characters among them.
			return fmt.Errorf("%s: %s", f.path, printable(err.Error(), maxSelectorError))
		}
	}
	if s.Production.NamespaceSelector == nil {
		p.productionNamespace = nil
	}
	if s.Critical.PodSelectorNamespaces == nil {
		p.criticalPodsIn = labels.Everything()
	}
	return nil
}

// Critical reports whether the pod is a critical workload: by its priority, by its labels in a namespace where labels
// count, or by its namespace's labels.
func (p *Policy) Critical(pod *facts.Pod, namespace labels.Labels) bool {
	return (pod.Priority >= p.MinPriority && pod.Priority <= v1alpha1.MaxCriticalPriority) ||
		(p.criticalPods.Matches(pod.Labels) && p.criticalPodsIn.Matches(namespace)) || p.criticalNamespaces.Matches(namespace)
}

// LabelsAskedFor returns those labels of a pod that the policy asks for. No other label changes what is judged.
func (p *Policy) LabelsAskedFor(all facts.Labels) facts.Labels {
	requirements, _ := p.criticalPods.Requirements()
	var asked facts.Labels
	for i := 0; i+1 < len(all); i += 2 {
		if slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return r.Key() == all[i] }) {
			asked = append(asked, all[i], all[i+1])
		}
	}
	return asked
}

// Production reports whether findings about production workloads apply in the namespace.
func (p *Policy) Production(name string, namespace labels.Labels) bool {
	if p.productionNamespace == nil {
		return name != metav1.NamespaceSystem
	}
	return p.productionNamespace.Matches(namespace)
}

// Threshold parses an eviction threshold as the kubelet does (kubelet/eviction/helpers.go
// parseThresholdStatement, v1.37.2): a quantity or a percentage. 0, 0% and 100% mean none.
func Threshold(value string) (facts.Threshold, error) {
	if number, ok := strings.CutSuffix(value, "%"); ok {
		percent, err := strconv.ParseFloat(number, 32)
		if err != nil || !(percent >= 0 && percent <= 100) { // NaN is neither
			return facts.Threshold{}, fmt.Errorf("%.64q is not a percentage from 0%% to 100%%", value)
		}
		if percent == 0 || value == "100%" {
			return facts.Threshold{}, nil
		}
		return facts.Threshold{Set: true, Fraction: float32(percent) / 100}, nil
	}
	q, ok := parseQuantity(value)
	if !ok {
		return facts.Threshold{}, notMemory(value)
	}
	return facts.Threshold{Set: !q.IsZero(), Bytes: Bytes(q)}, nil
}
