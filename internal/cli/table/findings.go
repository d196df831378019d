package table

import (
	"fmt"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/text"
)

// margin of a finding's text, below its rule.
const margin = len(indent) + 10

var severityLooks = map[v1alpha1.Severity]Look{
	v1alpha1.SeverityCritical: Critical,
	v1alpha1.SeverityWarning:  Warning,
}

// findings prints what is misconfigured and what to change, worst first.
func (t *nodeTables) findings(p *Printer) {
	if len(t.Status.Findings) == 0 {
		return
	}
	p.Blank()
	p.line(indent + p.Paint("FINDINGS", Title) + "  " + p.Paint("what is wrong and what to change, worst first", Faint))
	for i := range t.Status.Findings {
		f := &t.Status.Findings[i]
		name := text.Printable(about(f))
		if p.width > 0 {
			name = text.Middle(name, max(p.width-margin-len(f.Rule)-2, columnPod.Least))
		}
		p.line(indent + p.Paint(fmt.Sprintf("%-8s", f.Severity), severityLooks[f.Severity]) + "  " + f.Rule + "  " + name)
		p.Text(margin, 0, f.Message, Plain)
		if f.Fix != "" {
			p.Text(margin, 0, "-> "+f.Fix, Plain)
		}
	}
	if more := int(t.Status.Summary.Findings) - len(t.Status.Findings); more > 0 {
		p.line(indent + p.Paint(fmt.Sprintf("%s %d more; audit lists all", text.Ellipsis, more), Faint))
	}
}

// about names what a finding is about: the workload, else the pod, else the node; and the container.
func about(f *v1alpha1.Finding) string {
	if f.Pod == "" {
		return "the node"
	}
	name := f.Namespace + "/" + f.Pod
	if f.Workload != nil {
		name = f.Namespace + "/" + f.Workload.Name + " (" + f.Workload.Kind + ")"
	}
	if f.Container != "" {
		name += " " + f.Container
	}
	return name
}
