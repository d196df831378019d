package cli

import (
	"fmt"
	"strconv"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
)

// Columns that orders share.
var (
	columnRank      = column{title: "RANK", right: true}
	columnMark      = column{}
	columnPod       = column{title: "POD", least: 20}
	columnContainer = column{title: "CONTAINER", least: 9}
	columnQOS       = column{title: "QOS"}
	columnWorkload  = column{title: "WORKLOAD"}
)

func figure(title string) column { return column{title: title, right: true} }

// mark of a pod, "" for most.
func (t *nodeTables) mark(uid string, critical bool) (m string) {
	if critical {
		m, t.marks.critical = markCritical, true
	}
	if c := t.Status.CulpritRef; c != nil && string(c.UID) == uid {
		m, t.marks.culprit = m+markCulprit, true
	}
	return m
}

// pod returns the cells of a pod's mark and name.
func (t *nodeTables) pod(namespace, name, uid string, critical bool) (mark, pod cell) {
	m, l := t.mark(uid, critical), lookPlain
	switch {
	case critical:
		l = lookCritical
	case m != "":
		l = lookCulprit
	}
	return cell{m, l}, cell{namespace + "/" + name, l}
}

func (t *nodeTables) rank(rank int32, tied bool) cell {
	text := strconv.Itoa(int(rank))
	if tied {
		text += markTied
		t.marks.tied = true
	}
	return plain(text)
}

var why = map[v1alpha1.EvictionReason]string{
	v1alpha1.ReasonExceedsRequest: "exceeds",
	v1alpha1.ReasonWithinRequest:  "within",
	v1alpha1.ReasonNoKubeletStats: "not running",
	v1alpha1.ReasonUsageUnknown:   "no reading",
}

func (t *nodeTables) eviction() *grid {
	g := &grid{columns: []column{
		columnRank, columnMark, columnPod, columnQOS, figure("PRIO"), figure("USAGE"), figure("REQUEST"), figure("OVER"),
		{title: "WHY"},
	}}
	if t.wide {
		g.columns = append(g.columns, columnWorkload, column{title: "UID"})
	}
	for i := range t.Status.EvictionOrder {
		e := &t.Status.EvictionOrder[i]
		mark, pod := t.pod(e.Namespace, e.Pod, string(e.UID), e.Critical)
		over := "?"
		if e.Usage != nil {
			over = human(e.Usage.Value() - e.Request.Value())
		}
		row := []cell{
			t.rank(e.Rank, e.Tied), mark, pod, plain(e.QOSClass), plain(strconv.Itoa(int(e.Priority))),
			plain(amount(e.Usage)), plain(human(e.Request.Value())), plain(over), plain(why[e.Reason]),
		}
		if t.wide {
			row = append(row, plain(workload(t.verdict.Eviction[i].Workload)), plain(string(e.UID)))
		}
		g.rows = append(g.rows, row)
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
	if t.verdict.NoOOM != "" {
		return "unknown: " + t.verdict.NoOOM
	}
	return "no container runs"
}

func (t *nodeTables) oom() *grid {
	g := &grid{columns: []column{
		columnRank, columnMark, columnPod, columnContainer, columnQOS, figure("USAGE"), figure("ADJ"), figure("SCORE"),
		figure("BADNESS"),
	}}
	if t.wide {
		g.columns = append(g.columns, figure("REQUEST"), figure("LIMIT"), figure("SWAP"), columnWorkload)
	}
	for i := range t.Status.OOMOrder {
		o, v := &t.Status.OOMOrder[i], &t.verdict.OOM[i]
		mark, pod := t.pod(o.Namespace, o.Pod, v.UID, o.Critical)
		row := []cell{
			t.rank(o.Rank, false), mark, pod, plain(o.Container), plain(o.QOSClass), plain(amount(o.Usage)),
			plain(strconv.Itoa(int(o.OOMScoreAdj))), plain(strconv.Itoa(int(o.OOMScore))), plain(human(o.Badness.Value())),
		}
		if t.wide {
			c := &v.Containers[v.Container]
			row = append(row, plain(human(c.Request)), plain(limit(c.Limit)), plain(human(v.Swap)), plain(workload(v.Workload)))
		}
		g.rows = append(g.rows, row)
	}
	return g
}

func (t *nodeTables) limits() *grid {
	g := &grid{columns: []column{
		columnRank, columnMark, columnPod, columnContainer, columnQOS, figure("USAGE"), figure("LIMIT"), figure("USED"),
		figure("LEFT"),
	}}
	if t.wide {
		g.columns = append(g.columns, columnWorkload)
	}
	for i := range t.Status.LimitOrder {
		l, v := &t.Status.LimitOrder[i], &t.verdict.Limits[i]
		mark, pod := t.pod(l.Namespace, l.Pod, v.UID, v.Critical)
		container := l.Container
		if container == "" {
			container = "(pod)"
		}
		row := []cell{
			t.rank(l.Rank, false), mark, pod, plain(container), plain(v.QOS.String()), plain(human(l.Usage.Value())),
			plain(human(l.Limit.Value())), plain(fmt.Sprintf("%d%%", l.Percent)), plain(human(v.Headroom())),
		}
		if t.wide {
			row = append(row, plain(workload(v.Workload)))
		}
		g.rows = append(g.rows, row)
	}
	return g
}

func limit(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return human(bytes)
}

func workload(w facts.Workload) string {
	if w == (facts.Workload{}) {
		return "-"
	}
	return w.Kind + "/" + w.Name
}
