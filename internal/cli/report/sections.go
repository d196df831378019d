package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/cli/text"
)

func anchor(i int) string { return "node-" + strconv.Itoa(i+1) }

// percent shows a share in whole percent; what is left of less than one is not 0.
func percent(share float64) string {
	if share > 0 && share < 1 {
		return "<1%"
	}
	return strconv.Itoa(int(math.Floor(share))) + "%"
}

// tiles are the figures at the top.
func (p *page) tiles(in *Input) {
	pressed, wrong, findings, critical := 0, 0, int32(0), int32(0)
	for _, o := range in.Orders {
		if meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionMemoryPressure) {
			pressed++
		}
		if meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionWrongVictim) {
			wrong++
		}
		if s := o.Status.Summary; s != nil {
			findings += s.Findings
			critical += s.CriticalAtRisk
		}
	}
	p.Tiles = []tile{
		{"Nodes", strconv.Itoa(len(in.Orders)), fmt.Sprintf("%d under memory pressure", pressed), pressed > 0},
		{"Critical pods at risk", strconv.Itoa(int(critical)), "among the first to die on their node", critical > 0},
		{"Wrong victims", strconv.Itoa(wrong), "nodes where somebody else dies for the culprit", wrong > 0},
		{"Findings", strconv.Itoa(int(findings)), "misconfigurations, each with a fix", false},
		{"Kills", strconv.Itoa(len(in.Deaths)), "for memory, as far as the cluster still shows them", len(in.Deaths) > 0},
	}
}

func (p *page) riskAndFindings(orders []*v1alpha1.NodeKillOrder) {
	found := map[string]*workloadFindings{}
	for _, o := range orders {
		for i := range o.Status.AtRisk {
			if e := &o.Status.AtRisk[i]; e.Until == nil {
				p.AtRisk = append(p.AtRisk, atRisk{
					text.Printable(e.Namespace), text.Printable(e.Pod), text.Printable(o.Name), string(e.Killer),
					strconv.Itoa(int(e.Rank)), e.Since.UTC().Format("2006-01-02 15:04"),
				})
			}
		}
		for i := range o.Status.Findings {
			addFinding(found, o.Name, &o.Status.Findings[i])
		}
	}
	slices.SortStableFunc(p.AtRisk, func(a, b atRisk) int {
		return cmp.Or(cmp.Compare(len(a.Rank), len(b.Rank)), cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.Killer, b.Killer))
	})
	p.MoreAtRisk = max(len(p.AtRisk)-mostWorkloads, 0)
	p.AtRisk = p.AtRisk[:len(p.AtRisk)-p.MoreAtRisk]
	for _, w := range found {
		p.Findings = append(p.Findings, *w)
	}
	slices.SortFunc(p.Findings, func(a, b workloadFindings) int {
		return cmp.Or(cmp.Compare(a.weight, b.weight), cmp.Compare(len(b.Items), len(a.Items)), cmp.Compare(a.Workload, b.Workload))
	})
	p.MoreFindings = max(len(p.Findings)-mostWorkloads, 0)
	p.Findings = p.Findings[:len(p.Findings)-p.MoreFindings]
}

// weights of severities, the worst first.
var weights = map[v1alpha1.Severity]int{v1alpha1.SeverityCritical: 0, v1alpha1.SeverityWarning: 1, v1alpha1.SeverityInfo: 2}

// addFinding groups findings by workload; the same rule counts once a workload, whatever the number of nodes.
func addFinding(found map[string]*workloadFindings, node string, f *v1alpha1.Finding) {
	name := "node " + node
	switch {
	case f.Workload != nil:
		name = f.Namespace + "/" + f.Workload.Name + " (" + f.Workload.Kind + ")"
	case f.Pod != "":
		name = f.Namespace + "/" + f.Pod + " (Pod)"
	}
	w := found[name]
	if w == nil {
		w = &workloadFindings{Workload: text.Printable(name), weight: len(weights)}
		found[name] = w
	}
	if weights[f.Severity] < w.weight {
		w.weight, w.Severity = weights[f.Severity], string(f.Severity)
	}
	if !slices.ContainsFunc(w.Items, func(have finding) bool { return have.Rule == f.Rule }) {
		w.Items = append(w.Items, finding{
			f.Rule, string(f.Severity), text.Printable(f.Message), text.Printable(f.Fix), text.Printable(node),
		})
	}
}

func (p *page) kills(deaths []kinds.Diagnosis) {
	for i := range deaths[:min(len(deaths), mostKills)] {
		d := &deaths[i]
		k := kill{
			Victim: text.Printable(d.Namespace + "/" + d.Pod), Node: text.Printable(d.Node), Cause: string(d.Cause),
			Confidence: d.Confidence, Culprit: text.Printable(d.Culprit), Answer: text.Printable(d.Answer),
		}
		if d.Container != "" {
			k.Victim += " · " + text.Printable(d.Container)
		}
		if d.Time != nil {
			k.Time = d.Time.UTC().Format("2006-01-02 15:04:05")
		}
		if d.WrongVictim {
			k.Culprit += " (wrong victim)"
		}
		p.Kills = append(p.Kills, k)
	}
}
