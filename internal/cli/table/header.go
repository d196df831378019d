package table

import (
	"fmt"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/text"
)

// header prints what is known of the node as a whole.
func (t *nodeTables) header(p *Printer) {
	s := t.Status.Summary
	name, memory := "NODE "+text.Printable(t.Name), t.memory()
	if p.width == 0 || len(name)+gap+len(memory) <= p.width {
		p.line(p.Paint(name, NodeName) + "  " + memory)
	} else {
		p.line(p.Paint(name, NodeName))
		t.field(p, "memory", "", memory, Plain)
	}
	if meta.IsStatusConditionTrue(t.Status.Conditions, v1alpha1.ConditionMemoryPressure) {
		t.field(p, "pressure", "", "the kubelet reports MemoryPressure", Warning)
	}
	t.next(p)
	t.forecast(p)
	t.culprit(p)
	pods := fmt.Sprintf("%d, requesting %s", s.Pods, amount(t.Status.Memory.Requested))
	if s.ExemptPods > 0 {
		pods += fmt.Sprintf(", %d never evicted", s.ExemptPods)
	}
	if s.CriticalAtRisk > 0 {
		pods += fmt.Sprintf(", %d critical near the front", s.CriticalAtRisk)
	}
	t.field(p, "pods", "", pods, Plain)
	source, l := t.usage()
	t.field(p, "usage", "", source, l)
}

// field prints a line about the node: a pod, whose name is shortened to fit, if there is one, and a text.
func (t *nodeTables) field(p *Printer, title, pod, s string, l Look) {
	const column = 9
	if p.width > 0 {
		pod = text.Middle(pod, max(p.width-len(indent)-column-utf8.RuneCountInString(s), columnPod.Least))
	}
	p.line(indent + p.Paint(fmt.Sprintf("%-*s", column, title), Faint) + p.Paint(pod+s, l))
}

// known says how the threshold is known.
var known = map[v1alpha1.ThresholdSource]string{
	v1alpha1.ThresholdKubelet:  "kubelet",
	v1alpha1.ThresholdInferred: "inferred",
	v1alpha1.ThresholdDefault:  "assumed",
}

// memory says what there is and what is left.
func (t *nodeTables) memory() string {
	m := t.Status.Memory
	if m.Capacity.IsZero() {
		return "reports no memory capacity"
	}
	s := fmt.Sprintf("%s, %s available, ", text.Human(m.Capacity.Value()), amount(m.Available))
	if m.ThresholdSource == v1alpha1.ThresholdNone {
		return s + "no eviction threshold: nobody is evicted"
	}
	of := ""
	if m.EvictionSignal == v1alpha1.SignalAllocatableMemoryAvailable {
		of = " of the pods' limit"
	}
	threshold := fmt.Sprintf("the eviction threshold of %s (%s)", amount(m.EvictionThreshold), known[m.ThresholdSource])
	if soft := m.SoftEvictionThreshold; soft != nil && (m.EvictionThreshold == nil || m.HardHeadroom != nil) {
		threshold = softThreshold(m)
	}
	if m.Headroom != nil && m.Headroom.Sign() < 0 {
		s += fmt.Sprintf("%s%s below %s", text.Human(-m.Headroom.Value()), of, threshold)
	} else {
		s += fmt.Sprintf("%s%s to %s", amount(m.Headroom), of, threshold)
	}
	if soft := m.SoftEvictionThreshold; soft != nil && m.HardHeadroom == nil && t.wide {
		s += fmt.Sprintf(", soft %s for %ds", text.Human(soft.Value()), *m.SoftEvictionGracePeriodSeconds)
	}
	return s
}

// softThreshold names the soft threshold where headroom is that of the soft one, and what is left until the hard one.
func softThreshold(m *v1alpha1.MemoryStatus) string {
	s := fmt.Sprintf("the soft eviction threshold of %s", text.Human(m.SoftEvictionThreshold.Value()))
	if grace := m.SoftEvictionGracePeriodSeconds; grace != nil {
		s += fmt.Sprintf(" (grace period %ds", *grace)
		if m.SoftCrossedAt != nil {
			s += ", crossed since " + m.SoftCrossedAt.UTC().Format(time.RFC3339)
		}
		s += ")"
	}
	if m.HardHeadroom == nil {
		return s + ", the only one"
	}
	return s + fmt.Sprintf(", %s to the hard one of %s", text.Human(m.HardHeadroom.Value()), amount(m.EvictionThreshold))
}

// Ways say how a killer ends a pod.
var Ways = map[v1alpha1.Killer]string{
	v1alpha1.KillerEviction: "evicted by the kubelet",
	v1alpha1.KillerOOM:      "killed by the kernel",
	v1alpha1.KillerLimit:    "killed by the kernel at its own limit",
}

func (t *nodeTables) next(p *Printer) {
	const title = "next"
	n := t.Status.Summary.Next
	switch {
	case n == nil && t.Status.Summary.Pods == 0:
		t.field(p, title, "", "nobody", Plain)
	case n == nil && t.NoOOM != "" && t.Status.Memory.ThresholdSource == v1alpha1.ThresholdNone:
		t.field(p, title, "", "nobody: "+t.NoOOM, Plain)
	case n == nil:
		t.field(p, title, "", "unknown, since the headroom is", Warning)
	default:
		l, critical := Plain, ""
		if t.NextIsCritical {
			l, critical = Critical, " (critical)"
		}
		t.field(p, title, n.Namespace+"/"+n.Pod,
			fmt.Sprintf("%s, %s, %s", critical, Ways[n.Killer], toGo(n.Headroom.Value())), l)
	}
}

// forecast prints who is first if memory goes on growing, where that is another pod than the next.
func (t *nodeTables) forecast(p *Printer) {
	if f := t.Status.Summary.Forecast; f != nil {
		t.field(p, "forecast", f.Namespace+"/"+f.Pod,
			fmt.Sprintf(" first if memory goes on growing: %s, in %s", Ways[f.Killer], f.In), Plain)
	}
}

// toGo says how far a killer is.
func toGo(headroom int64) string {
	if headroom < 0 {
		return text.Human(-headroom) + " too late already"
	}
	return text.Human(headroom) + " to go"
}

func (t *nodeTables) culprit(p *Printer) {
	const title = "culprit"
	c := t.Status.CulpritRef
	if t.Status.Usage.Source == v1alpha1.UsageSourceNone {
		t.field(p, title, "", "unknown", Plain)
		return
	}
	if c == nil {
		t.nobodyAccused(p, title)
		return
	}
	how := text.Human(c.Amount.Value()) + " over its request"
	if c.Reason == v1alpha1.CulpritGrowth {
		how = "grew by " + text.Human(c.Amount.Value())
	}
	if t.CulpritFrom != "" {
		how += ", " + t.CulpritFrom
	}
	t.field(p, title, c.Namespace+"/"+c.Pod, ", "+how, Plain)
}

// nobodyAccused says why there is no culprit, and who uses most.
func (t *nodeTables) nobodyAccused(p *Printer, title string) {
	if len(t.Largest) == 0 {
		t.field(p, title, "", "none: no pod grows, and none is far over its request", Plain)
		return
	}
	t.field(p, title, "", "no growth known from one reading; the largest users:", Plain)
	for _, u := range t.Largest {
		t.field(p, "", u.Pod, ", "+text.Human(u.Bytes), Plain)
	}
}

var sources = map[v1alpha1.UsageSource]string{
	v1alpha1.UsageSourceMetricsAPI: "metrics.k8s.io (working sets, no RSS)",
	v1alpha1.UsageSourceKubelet:    "the kubelet",
}

// usage says where readings come from and whether there is reason to doubt them.
func (t *nodeTables) usage() (string, Look) {
	u := t.Status.Usage
	if u.Source == v1alpha1.UsageSourceNone {
		return "unknown: requests and priorities alone decide the ranks", Warning
	}
	s, l := sources[u.Source], Plain
	if u.ObservedAt != nil {
		s += ", as of " + u.ObservedAt.UTC().Format(time.RFC3339)
	}
	if c := meta.FindStatusCondition(t.Status.Conditions, v1alpha1.ConditionReady); c != nil && c.Reason == v1alpha1.ReasonUsageStale {
		s, l = s+": stale", Warning
	}
	if u.Missing > 0 {
		s, l = s+fmt.Sprintf(", missing for pods: %d", u.Missing), Warning
	}
	return s, l
}
