package table

import (
	"bufio"
	"bytes"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/text"
	"github.com/killorder/killorder/internal/packed"
)

// Rendered is a node as it is printed, in about a fifth of the memory that the Node takes: thousands of nodes are held until the last
// one is judged.
type Rendered struct {
	row   []Cell // in the overview
	text  packed.Text
	marks Marks
}

// Render makes a node ready for Nodes, to the width and in the colour of the printer.
func (p *Printer) Render(n *Node, wide bool) (Rendered, error) {
	r := Rendered{row: overviewRow(n)}
	var b bytes.Buffer
	q := *p
	q.w = bufio.NewWriter(&b)
	(&nodeTables{Node: n, wide: wide, marks: &r.marks}).print(&q)
	err := q.Flush()
	if err == nil {
		r.text, err = packed.PackText(b.Bytes())
	}
	return r, err
}

// Nodes prints an overview of several nodes, and then the tables of each. The printer is flushed by the caller.
func Nodes(p *Printer, nodes []Rendered) error {
	if len(nodes) > 1 {
		overview(nodes).Write(p)
		p.Blank()
	}
	var used Marks
	for i := range nodes {
		if i > 0 {
			p.Blank()
		}
		if err := nodes[i].text.Write(p.w); err != nil {
			return err
		}
		used.add(nodes[i].marks)
	}
	used.Legend(p)
	return nil
}

// overview has a line a node.
func overview(nodes []Rendered) *Grid {
	g := &Grid{Columns: []Column{
		{Title: "NODE", Least: 12},
		Figure("MEMORY"), Figure("AVAILABLE"), Figure("HEADROOM"),
		columnMark,
		{Title: "FIRST EVICTED", Least: 14},
		columnMark,
		{Title: "FIRST OOM-KILLED", Least: 16},
	}}
	for i := range nodes {
		g.Rows = append(g.Rows, nodes[i].row)
	}
	return g
}

func overviewRow(n *Node) []Cell {
	m := n.Status.Memory
	evictedMark, evicted := first(n.Status.Summary.FirstEvicted, len(n.Eviction) > 0 && n.Eviction[0].Critical)
	killedMark, killed := first(n.Status.Summary.FirstOOMKilled, len(n.OOM) > 0 && n.OOM[0].Critical)
	return []Cell{
		{n.Name, NodeName},
		plain(text.Human(m.Capacity.Value())), plain(amount(m.Available)), plain(headroom(m)),
		evictedMark, evicted, killedMark, killed,
	}
}

// first victim's mark and name.
func first(name string, critical bool) (mark, pod Cell) {
	switch {
	case name == "":
		return plain(""), plain("-")
	case critical:
		return Cell{MarkCritical, Critical}, Cell{name, Critical}
	}
	return plain(""), plain(name)
}

func amount(q *resource.Quantity) string {
	if q == nil {
		return unknown
	}
	return text.Human(q.Value())
}

func headroom(m *v1alpha1.MemoryStatus) string {
	if m.ThresholdSource == v1alpha1.ThresholdNone {
		return none
	}
	return amount(m.Headroom)
}

// nodeTables are one node's tables.
type nodeTables struct {
	*Node
	wide  bool
	marks *Marks
}

func (t *nodeTables) print(p *Printer) {
	t.header(p)
	t.section(p, "EVICTION ORDER", "the kubelet: over request first, then lower priority, then larger OVER",
		t.eviction(), t.EvictionTotal, "no pod that the kubelet could evict")
	t.section(p, "OOM ORDER", t.oomTitle(), t.oom(), t.OOMTotal, t.noOOM())
	t.section(p, "LIMIT ORDER", "the kernel, at a limit of their own: largest part of the limit first",
		t.limits(), t.LimitsTotal, t.noLimits())
	t.findings(p)
}

// section prints a grid under its title, or why it is empty.
func (t *nodeTables) section(p *Printer, title, rule string, g *Grid, all int, empty string) {
	p.Blank()
	if len(g.Rows) == 0 {
		p.line(indent + p.Paint(title, Title) + "  " + p.Paint(empty, Faint))
		return
	}
	p.line(indent + p.Paint(title, Title) + "  " + p.Paint(rule, Faint))
	g.Write(p)
	if more := all - len(g.Rows); more > 0 {
		p.line(indent + p.Paint(fmt.Sprintf("%s %d more: --top 0 shows all", text.Ellipsis, more), Faint))
	}
}

// noLimits says why the limit order is empty: where the kernel's rules do not apply, no limit kills.
func (t *nodeTables) noLimits() string {
	if t.NoOOM != "" {
		return "none: " + t.NoOOM
	}
	return "no container with a memory limit and a reading"
}
