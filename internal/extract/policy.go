package extract

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

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
	defaultEvictionHard        = "100Mi"
	labelCritical              = "killorder.io/critical"
)

// Policy is a KillOrderPolicy made ready for use.
type Policy struct {
	facts.Policy
	minPriority         int32
	criticalPods        labels.Selector
	criticalNamespaces  labels.Selector
	productionNamespace labels.Selector
}

// DefaultPolicy is what applies where there is no KillOrderPolicy.
func DefaultPolicy() *Policy {
	p, err := NewPolicy(&v1alpha1.KillOrderPolicy{Spec: v1alpha1.KillOrderPolicySpec{
		Critical: v1alpha1.CriticalPolicy{
			PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{labelCritical: "true"}},
		},
	}})
	if err != nil {
		panic(err) // the defaults are constants
	}
	return p
}

// NewPolicy makes a policy ready for use; what is not set in its spec has the schema's default, but for the
// podSelector, where absent means that no pod is selected. The error names the field.
func NewPolicy(k *v1alpha1.KillOrderPolicy) (*Policy, error) {
	s := &k.Spec
	p := &Policy{
		Policy: facts.Policy{
			TopN:                min(or(int(s.TopN), defaultTopN), v1alpha1.MaxTopN),
			RiskRank:            or(int(s.Critical.RiskRank), defaultRiskRank),
			RiskHeadroomPercent: defaultRiskHeadroomPercent,
			NearLimitPercent:    or(int(s.NearLimitPercent), defaultNearLimitPercent),
			MaxAge:              or(time.Duration(s.Usage.MaxAgeSeconds)*time.Second, defaultMaxAge),
			DisabledFindings:    make(map[string]bool, len(s.DisabledFindings)),
		},
		minPriority: defaultMinPriority,
	}
	if s.Critical.MinPriority != nil {
		p.minPriority = *s.Critical.MinPriority
	}
	if s.Critical.RiskHeadroomPercent != nil {
		p.RiskHeadroomPercent = int(*s.Critical.RiskHeadroomPercent)
	}
	for _, name := range s.DisabledFindings {
		p.DisabledFindings[name] = true
	}
	return p, p.parse(s)
}

func (p *Policy) parse(s *v1alpha1.KillOrderPolicySpec) (err error) {
	hard := s.AssumedEvictionHard
	if hard == (intstr.IntOrString{}) {
		hard = intstr.FromString(defaultEvictionHard)
	}
	if p.AssumedEvictionHard, err = Threshold(hard.String()); err != nil {
		return fmt.Errorf("spec.assumedEvictionHard: %w", err)
	}
	for _, f := range []struct {
		path string
		from *metav1.LabelSelector
		to   *labels.Selector
	}{
		{"spec.critical.podSelector", s.Critical.PodSelector, &p.criticalPods},
		{"spec.critical.namespaceSelector", s.Critical.NamespaceSelector, &p.criticalNamespaces},
		{"spec.production.namespaceSelector", s.Production.NamespaceSelector, &p.productionNamespace},
	} {
		if *f.to, err = metav1.LabelSelectorAsSelector(f.from); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	if s.Production.NamespaceSelector == nil {
		p.productionNamespace = nil
	}
	return nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Critical reports whether the pod is a critical workload: by priority, by its labels, or by its namespace's.
func (p *Policy) Critical(pod *facts.Pod, namespace labels.Labels) bool {
	return (pod.Priority >= p.minPriority && pod.Priority <= v1alpha1.MaxCriticalPriority) ||
		p.criticalPods.Matches(pod.Labels) || p.criticalNamespaces.Matches(namespace)
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
		if err != nil || percent < 0 || percent > 100 {
			return facts.Threshold{}, fmt.Errorf("%q is not a percentage from 0%% to 100%%", value)
		}
		if percent == 0 || value == "100%" {
			return facts.Threshold{}, nil
		}
		return facts.Threshold{Set: true, Fraction: float32(percent) / 100}, nil
	}
	q, err := resource.ParseQuantity(value)
	if err != nil || q.Sign() < 0 {
		return facts.Threshold{}, fmt.Errorf("%q is not an amount of memory of 0 or more", value)
	}
	return facts.Threshold{Set: !q.IsZero(), Bytes: Bytes(q)}, nil
}
