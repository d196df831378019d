package cli

import (
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
)

// printTables prints, for people, an overview of several nodes and then each node's orders.
func printTables(w io.Writer, orders []ranked, wide bool) error {
	p := newPrinter(w, wide)
	if len(orders) > 1 {
		overview(orders).write(p)
		p.line("")
	}
	var used marks
	for i := range orders {
		if i > 0 {
			p.line("")
		}
		t := &nodeTables{ranked: &orders[i], wide: wide, marks: &used}
		t.print(p)
	}
	used.explain(p)
	return p.flush()
}

// overview has a line a node.
func overview(orders []ranked) *grid {
	g := &grid{columns: []column{
		{title: "NODE", least: 12},
		figure("MEMORY"), figure("AVAILABLE"), figure("HEADROOM"),
		columnMark,
		{title: "FIRST EVICTED", least: 14},
		columnMark,
		{title: "FIRST OOM-KILLED", least: 16},
	}}
	for i := range orders {
		o := &orders[i]
		m, s, v := o.Status.Memory, o.Status.Summary, &o.verdict
		evictedMark, evicted := first(s.FirstEvicted, len(v.Eviction) > 0 && v.Eviction[0].Critical)
		killedMark, killed := first(s.FirstOOMKilled, len(v.OOM) > 0 && v.OOM[0].Critical)
		g.rows = append(g.rows, []cell{
			{o.Name, lookNode},
			plain(human(m.Capacity.Value())), plain(amount(m.Available)), plain(headroom(m)),
			evictedMark, evicted, killedMark, killed,
		})
	}
	return g
}

// first victim's mark and name.
func first(name string, critical bool) (mark, pod cell) {
	switch {
	case name == "":
		return plain(""), plain("-")
	case critical:
		return cell{markCritical, lookCritical}, cell{name, lookCritical}
	}
	return plain(""), plain(name)
}

func amount(q *resource.Quantity) string {
	if q == nil {
		return "?"
	}
	return human(q.Value())
}

func headroom(m *v1alpha1.MemoryStatus) string {
	if m.ThresholdSource == v1alpha1.ThresholdNone {
		return "-"
	}
	return amount(m.Headroom)
}

// nodeTables are one node's tables.
type nodeTables struct {
	*ranked
	wide  bool
	marks *marks
}

func (t *nodeTables) print(p *printer) {
	t.header(p)
	t.section(p, "EVICTION ORDER", "the kubelet: over request first, then lower priority, then larger OVER",
		t.eviction(), len(t.verdict.Eviction), "no pod that the kubelet could evict")
	t.section(p, "OOM ORDER", t.oomTitle(), t.oom(), len(t.verdict.OOM), t.noOOM())
	t.section(p, "LIMIT ORDER", "the kernel, at a limit of their own: largest part of the limit first",
		t.limits(), len(t.verdict.Limits), "no container with a memory limit and a reading")
	t.findings(p)
}

// section prints a grid under its title, or why it is empty.
func (t *nodeTables) section(p *printer, title, rule string, g *grid, all int, none string) {
	p.line("")
	if len(g.rows) == 0 {
		p.line(indent + p.paint(title, lookTitle) + "  " + p.paint(none, lookFaint))
		return
	}
	p.line(indent + p.paint(title, lookTitle) + "  " + p.paint(rule, lookFaint))
	g.write(p)
	if more := all - len(g.rows); more > 0 {
		p.line(indent + p.paint(fmt.Sprintf("%s %d more: --top 0 shows all", ellipsis, more), lookFaint))
	}
}

func (t *nodeTables) header(p *printer) {
	s := t.Status.Summary
	name, memory := "NODE "+printable(t.Name), t.memory()
	if p.width == 0 || len(name)+gap+len(memory) <= p.width {
		p.line(p.paint(name, lookNode) + "  " + memory)
	} else {
		p.line(p.paint(name, lookNode))
		t.field(p, "memory", "", memory, lookPlain)
	}
	if t.verdict.Node.MemoryPressure == facts.StateTrue {
		t.field(p, "pressure", "", "the kubelet reports MemoryPressure", lookWarning)
	}
	t.next(p)
	t.culprit(p)
	pods := fmt.Sprintf("%d, requesting %s", s.Pods, amount(t.Status.Memory.Requested))
	if s.ExemptPods > 0 {
		pods += fmt.Sprintf(", %d never evicted", s.ExemptPods)
	}
	if s.CriticalAtRisk > 0 {
		pods += fmt.Sprintf(", %d critical near the front", s.CriticalAtRisk)
	}
	t.field(p, "pods", "", pods, lookPlain)
	text, l := t.usage()
	t.field(p, "usage", "", text, l)
}

// field prints a line about the node: a pod, whose name is shortened to fit, if there is one, and a text.
func (t *nodeTables) field(p *printer, title, pod, text string, l look) {
	const column = 9
	if p.width > 0 {
		pod = middle(pod, max(p.width-len(indent)-column-utf8.RuneCountInString(text), columnPod.least))
	}
	p.line(indent + p.paint(fmt.Sprintf("%-*s", column, title), lookFaint) + p.paint(printable(pod+text), l))
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
	text := fmt.Sprintf("%s, %s available, ", human(m.Capacity.Value()), amount(m.Available))
	if m.ThresholdSource == v1alpha1.ThresholdNone {
		return text + "no eviction threshold: nobody is evicted"
	}
	of := ""
	if m.EvictionSignal == v1alpha1.SignalAllocatableMemoryAvailable {
		of = " of the pods' limit"
	}
	threshold := fmt.Sprintf("the eviction threshold of %s (%s)", amount(m.EvictionThreshold), known[m.ThresholdSource])
	if soft := m.SoftEvictionThreshold; soft != nil && m.EvictionThreshold == nil {
		threshold = fmt.Sprintf("the soft eviction threshold of %s, the only one", human(soft.Value()))
	}
	if m.Headroom != nil && m.Headroom.Sign() < 0 {
		text += fmt.Sprintf("%s%s below %s", human(-m.Headroom.Value()), of, threshold)
	} else {
		text += fmt.Sprintf("%s%s to %s", amount(m.Headroom), of, threshold)
	}
	if soft := m.SoftEvictionThreshold; soft != nil && t.wide {
		text += fmt.Sprintf(", soft %s for %ds", human(soft.Value()), *m.SoftEvictionGracePeriodSeconds)
	}
	return text
}

var ways = map[v1alpha1.Killer]string{
	v1alpha1.KillerEviction: "evicted by the kubelet",
	v1alpha1.KillerOOM:      "killed by the kernel",
	v1alpha1.KillerLimit:    "killed by the kernel at its own limit",
}

func (t *nodeTables) next(p *printer) {
	const title = "next"
	n := t.Status.Summary.Next
	switch {
	case n == nil && t.Status.Summary.Pods == 0:
		t.field(p, title, "", "nobody", lookPlain)
	case n == nil:
		t.field(p, title, "", "unknown, since the headroom is", lookWarning)
	default:
		l, critical := lookPlain, ""
		if t.verdict.Outlook.Next.Victim.Critical {
			l, critical = lookCritical, " (critical)"
		}
		t.field(p, title, n.Namespace+"/"+n.Pod, fmt.Sprintf("%s, %s, %s to go", critical, ways[n.Killer], human(n.Headroom.Value())), l)
	}
}

func (t *nodeTables) culprit(p *printer) {
	const title = "culprit"
	c := t.Status.CulpritRef
	if t.Status.Usage.Source == v1alpha1.UsageSourceNone {
		t.field(p, title, "", "unknown", lookPlain)
		return
	}
	if c == nil {
		t.field(p, title, "", "none: no pod is over its request (one reading shows no growth)", lookPlain)
		return
	}
	how := human(c.Amount.Value()) + " over its request (one reading shows no growth)"
	if c.Reason == v1alpha1.CulpritGrowth {
		how = "grew by " + human(c.Amount.Value())
	}
	t.field(p, title, c.Namespace+"/"+c.Pod, ", "+how, lookPlain)
}

var sources = map[v1alpha1.UsageSource]string{
	v1alpha1.UsageSourceMetricsAPI: "metrics.k8s.io (working sets, no RSS)",
	v1alpha1.UsageSourceKubelet:    "the kubelet",
}

// usage says where readings come from and whether there is reason to doubt them.
func (t *nodeTables) usage() (string, look) {
	u := t.Status.Usage
	if u.Source == v1alpha1.UsageSourceNone {
		return "unknown: requests and priorities alone decide the ranks", lookWarning
	}
	text, l := sources[u.Source], lookPlain
	if u.ObservedAt != nil {
		text += ", as of " + u.ObservedAt.UTC().Format(time.RFC3339)
	}
	for i := range t.Status.Conditions {
		if c := &t.Status.Conditions[i]; c.Type == v1alpha1.ConditionReady && c.Reason == v1alpha1.ReasonUsageStale {
			text, l = text+": stale", lookWarning
		}
	}
	if u.Missing > 0 {
		text, l = text+fmt.Sprintf(", missing for pods: %d", u.Missing), lookWarning
	}
	return text, l
}
