package table

import (
	"fmt"
	"strconv"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/text"
	"github.com/killorder/killorder/internal/facts"
)

// Columns that orders share.
var (
	columnRank      = Column{Title: "RANK", Right: true}
	columnMark      = Column{}
	columnPod       = Column{Title: "POD", Least: 20}
	columnContainer = Column{Title: "CONTAINER", Least: 9}
	columnQOS       = Column{Title: "QOS"}
	columnWorkload  = Column{Title: "WORKLOAD"}
)

// mark of a pod, "" for most.
func (t *nodeTables) mark(uid string, critical bool) (m string) {
	if critical {
		m, t.marks.critical = MarkCritical, true
	}
	if c := t.Status.CulpritRef; c != nil && string(c.UID) == uid {
		m, t.marks.culprit = m+MarkCulprit, true
	}
	return m
}

// pod returns the cells of a pod's mark and name.
func (t *nodeTables) pod(namespace, name, uid string, critical bool) (mark, pod Cell) {
	m, l := t.mark(uid, critical), Plain
	switch {
	case critical:
		l = Critical
	case m != "":
		l = Culprit
	}
	return Cell{m, l}, Cell{namespace + "/" + name, l}
}

func (t *nodeTables) rank(rank int32, tied bool) Cell {
	s := strconv.Itoa(int(rank))
	if tied {
		s += MarkTied
		t.marks.tied = true
	}
	return plain(s)
}

var why = map[v1alpha1.EvictionReason]string{
	v1alpha1.ReasonExceedsRequest: "exceeds",
	v1alpha1.ReasonWithinRequest:  "within",
	v1alpha1.ReasonNoKubeletStats: "not running",
	v1alpha1.ReasonUsageUnknown:   "no reading",
}

func (t *nodeTables) eviction() *Grid {
	g := &Grid{Columns: []Column{
		columnRank, columnMark, columnPod, columnQOS, Figure("PRIO"), Figure("USAGE"), Figure("REQUEST"), Figure("OVER"),
		{Title: "WHY"},
	}}
	if t.wide {
		g.Columns = append(g.Columns, columnWorkload, Column{Title: "UID"})
	}
	for i := range t.Eviction {
		e := &t.Eviction[i]
		mark, pod := t.pod(e.Namespace, e.Pod, string(e.UID), e.Critical)
		over := "?"
		if e.Usage != nil {
			over = text.Human(e.Usage.Value() - e.Request.Value())
		}
		row := []Cell{
			t.rank(e.Rank, e.Tied), mark, pod, plain(e.QOSClass), plain(strconv.Itoa(int(e.Priority))),
			plain(amount(e.Usage)), plain(text.Human(e.Request.Value())), plain(over), plain(why[e.Reason]),
		}
		if t.wide {
			row = append(row, plain(e.Workload), plain(string(e.UID)))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

func (t *nodeTables) oomTitle() string {
	if t.Status.Memory.OOMScope == v1alpha1.OOMScopePods {
		return "the kernel, when all pods' memory (kubepods) runs out: largest BADNESS first"
	}
	return "the kernel, when the node's memory runs out: largest BADNESS first"
}

func (t *nodeTables) noOOM() string {
	if t.NoOOM != "" {
		return "unknown: " + t.NoOOM
	}
	return "no container runs"
}

func (t *nodeTables) oom() *Grid {
	g := &Grid{Columns: []Column{
		columnRank, columnMark, columnPod, columnContainer, columnQOS, Figure("USAGE"), Figure("ADJ"), Figure("SCORE"),
		Figure("BADNESS"),
	}}
	if t.wide {
		g.Columns = append(g.Columns, Figure("REQUEST"), Figure("LIMIT"), Figure("SWAP"), columnWorkload)
	}
	for i := range t.OOM {
		o := &t.OOM[i]
		mark, pod := t.pod(o.Namespace, o.Pod, o.UID, o.Critical)
		row := []Cell{
			t.rank(o.Rank, false), mark, pod, plain(o.Container), plain(o.QOSClass), plain(amount(o.Usage)),
			plain(strconv.Itoa(int(o.OOMScoreAdj))), plain(strconv.Itoa(int(o.OOMScore))), plain(text.Human(o.Badness.Value())),
		}
		if t.wide {
			row = append(row, plain(bytesText(o.Request)), plain(limit(o.Limit)), plain(bytesText(o.Swap)), plain(o.Workload))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

func (t *nodeTables) limits() *Grid {
	g := &Grid{Columns: []Column{
		columnRank, columnMark, columnPod, columnContainer, columnQOS, Figure("USAGE"), Figure("LIMIT"), Figure("USED"),
		Figure("LEFT"),
	}}
	if t.wide {
		g.Columns = append(g.Columns, columnWorkload)
	}
	for i := range t.Limits {
		l := &t.Limits[i]
		mark, pod := t.pod(l.Namespace, l.Pod, l.UID, l.Critical)
		container := l.Container
		if container == "" {
			container = "(pod)"
		}
		row := []Cell{
			t.rank(l.Rank, false), mark, pod, plain(container), plain(l.QOS), plain(text.Human(l.Usage.Value())),
			plain(text.Human(l.Limit.Value())), plain(fmt.Sprintf("%d%%", l.Percent)),
			plain(text.Human(max(l.Limit.Value()-l.Usage.Value(), 0))),
		}
		if t.wide {
			row = append(row, plain(l.Workload))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// bytesText is an amount that may be unknown.
func bytesText(bytes int64) string {
	if bytes == facts.Unknown {
		return unknown
	}
	return text.Human(bytes)
}

func limit(bytes int64) string {
	if bytes == 0 {
		return none
	}
	return bytesText(bytes)
}
