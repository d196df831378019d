// Package report makes one self-contained page of what a cluster's orders say, for people: no JavaScript, and no request to
// anywhere. It is pure.
package report

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/cli/text"
	"github.com/killorder/killorder/internal/facts"
)

// Bounds of the page, so that 1,000 nodes stay below 2 MB.
const (
	mostDetails   = 60  // nodes whose orders are shown, the least headroom first
	mostWorkloads = 200 // workloads at risk, and workloads with findings
	mostKills     = 100
	mostRanks     = 5 // of each order
)

// Input is what a page is made of.
type Input struct {
	Orders []*v1alpha1.NodeKillOrder
	// Deaths are the kills of the cluster, the latest first.
	Deaths []kinds.Diagnosis
	// GeneratedAt, Version of the plugin, and Source: the cluster's address, or the files.
	GeneratedAt     time.Time
	Version, Source string
	// Notes say what could not be read or used.
	Notes []string
}

// page is what the template shows. Texts are printable.
type page struct {
	GeneratedAt, Version, Source string
	Notes                        []string
	Tiles                        []tile
	Nodes                        []node
	Details                      []node
	MoreNodes                    int
	AtRisk                       []atRisk
	MoreAtRisk                   int
	Kills                        []kill
	Findings                     []workloadFindings
	MoreFindings                 int
	// Data is the orders' summaries as JSON, for programs.
	Data []byte
}

type tile struct {
	Title, Value, About string
	Bad                 bool
}

// node is one node on the heat map, in the table and in the details.
type node struct {
	Name, Anchor string
	// Level is how near the nearest killer is: level names, worst first, are bad, near, fair, ample and unknown.
	Level, Word       string
	Percent, Headroom string
	// Share of memory left, 0 to 100, and whether it is known.
	share                         float64
	known                         bool
	FirstEvicted, FirstOOM        string
	Next, Forecast, Culprit       string
	Right                         string
	Source, Ready, TimeToPressure string
	AtRisk                        int32
	Eviction                      []row
	OOM                           []row
}

type row struct {
	Rank                 int32
	Pod, What, Usage, By string
	Critical             bool
}

type atRisk struct{ Namespace, Pod, Node, Killer, Rank, Since string }

type kill struct{ Time, Victim, Node, Cause, Confidence, Culprit, Answer string }

type workloadFindings struct {
	Workload string
	Severity string
	Items    []finding
	weight   int
}

type finding struct{ Rule, Severity, Message, Fix, Node string }

func newPage(in *Input) (*page, error) {
	p := &page{
		GeneratedAt: in.GeneratedAt.UTC().Format("2006-01-02 15:04:05 UTC"), Version: text.Printable(in.Version),
		Source: text.Printable(in.Source),
	}
	for _, n := range in.Notes {
		p.Notes = append(p.Notes, text.OneLine(n))
	}
	for i, o := range in.Orders {
		p.Nodes = append(p.Nodes, newNode(o, i))
	}
	slices.SortStableFunc(p.Nodes, func(a, b node) int {
		return cmp.Or(facts.TrueFirst(a.known, b.known), cmp.Compare(a.share, b.share), cmp.Compare(a.Name, b.Name))
	})
	p.Details = p.Nodes[:min(len(p.Nodes), mostDetails)]
	p.MoreNodes = len(p.Nodes) - len(p.Details)
	p.riskAndFindings(in.Orders)
	p.kills(in.Deaths)
	p.tiles(in)
	raw, err := json.Marshal(data(in))
	p.Data = text.EscapeJSON(raw)
	return p, err
}

// newNode takes what the page shows of an order. An order that nobody has filled yet has no parts.
func newNode(o *v1alpha1.NodeKillOrder, i int) node {
	s := &o.Status
	n := node{
		Name: text.Printable(o.Name), Anchor: anchor(i), Level: "unknown", Word: "unknown", Percent: "?", Headroom: "?",
		Right: "unknown",
	}
	if c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady); c != nil {
		n.Ready = c.Reason
	}
	if s.Usage != nil {
		n.Source = string(s.Usage.Source)
	}
	if m := s.Memory; m != nil {
		n.TimeToPressure = string(m.TimeToThreshold)
		if left := least(m.Headroom, m.OOMHeadroom); left != nil && m.Capacity.Value() > 0 {
			n.known, n.share = true, 100*float64(left.Value())/float64(m.Capacity.Value())
			n.Level, n.Word = level(n.share)
			n.Percent, n.Headroom = percent(n.share), human(left)
		}
	}
	if sum := s.Summary; sum != nil {
		n.FirstEvicted, n.FirstOOM, n.Culprit = text.Printable(sum.FirstEvicted), text.Printable(sum.FirstOOMKilled),
			text.Printable(sum.Culprit)
		n.AtRisk = sum.CriticalAtRisk
		if sum.Next != nil {
			n.Next = text.Printable(sum.Next.Namespace + "/" + sum.Next.Pod + " (" + string(sum.Next.Killer) + ")")
		}
		if f := sum.Forecast; f != nil {
			n.Forecast = text.Printable(f.Namespace + "/" + f.Pod + " (" + string(f.Killer) + ", in " + string(f.In) + ")")
		}
	}
	n.Right = right(s)
	for i := range s.EvictionOrder[:min(len(s.EvictionOrder), mostRanks)] {
		v := &s.EvictionOrder[i]
		n.Eviction = append(n.Eviction, row{
			v.Rank, text.Printable(v.Namespace + "/" + v.Pod), "request " + human(&v.Request), human(v.Usage), string(v.Reason), v.Critical,
		})
	}
	for i := range s.OOMOrder[:min(len(s.OOMOrder), mostRanks)] {
		v := &s.OOMOrder[i]
		n.OOM = append(n.OOM, row{
			v.Rank, text.Printable(v.Namespace + "/" + v.Pod), "container " + text.Printable(v.Container), human(v.Usage),
			"badness " + human(&v.Badness), v.Critical,
		})
	}
	return n
}

// right says whether the first victim is the one that causes the trouble.
func right(s *v1alpha1.NodeKillOrderStatus) string {
	c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionWrongVictim)
	switch {
	case c == nil || c.Status == metav1.ConditionUnknown:
		return "no culprit known"
	case c.Status == metav1.ConditionTrue:
		return "wrong victim"
	case c.Reason == v1alpha1.ReasonVictimIsCulprit:
		return "the culprit dies first"
	case c.Reason == v1alpha1.ReasonHeadroomAmple:
		return "headroom is ample"
	}
	return "no culprit known"
}

// level names how near a killer is, by the share of memory left in percent.
func level(share float64) (name, word string) {
	switch {
	case share <= 2:
		return "bad", "at the brink"
	case share < 15:
		return "near", "near"
	case share < 40:
		return "fair", "fair"
	}
	return "ample", "ample"
}

// least of two amounts, either of which may be unknown.
func least(a, b *resource.Quantity) *resource.Quantity {
	if a == nil || (b != nil && b.Cmp(*a) < 0) {
		return b
	}
	return a
}

func human(q *resource.Quantity) string {
	if q == nil {
		return "?"
	}
	return text.Human(q.Value())
}

// data is the page's content for programs: one entry a node.
func data(in *Input) any {
	type entry struct {
		Node    string                  `json:"node"`
		Memory  *v1alpha1.MemoryStatus  `json:"memory,omitempty"`
		Summary *v1alpha1.SummaryStatus `json:"summary,omitempty"`
	}
	d := struct {
		metav1.TypeMeta `json:",inline"`
		GeneratedAt     time.Time         `json:"generatedAt"`
		Source          string            `json:"source"`
		Nodes           []entry           `json:"nodes"`
		Kills           []kinds.Diagnosis `json:"kills"`
	}{TypeMeta: kinds.Type("Report"), GeneratedAt: in.GeneratedAt.UTC(), Source: in.Source, Kills: in.Deaths}
	for _, o := range in.Orders {
		d.Nodes = append(d.Nodes, entry{o.Name, o.Status.Memory, o.Status.Summary})
	}
	if len(d.Kills) > mostKills {
		d.Kills = d.Kills[:mostKills]
	}
	return d
}
