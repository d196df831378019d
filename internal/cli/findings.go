package cli

import (
	"fmt"
	"strings"

	"github.com/killorder/killorder/api/v1alpha1"
)

// margin of a finding's text, below its rule.
const margin = indent + "          "

var severityLooks = map[v1alpha1.Severity]look{
	v1alpha1.SeverityCritical: lookCritical,
	v1alpha1.SeverityWarning:  lookWarning,
}

// findings prints what is misconfigured and what to change, worst first.
func (t *nodeTables) findings(p *printer) {
	if len(t.Status.Findings) == 0 {
		return
	}
	p.line("")
	p.line(indent + p.paint("FINDINGS", lookTitle) + "  " + p.paint("what is wrong and what to change, worst first", lookFaint))
	for i := range t.Status.Findings {
		f := &t.Status.Findings[i]
		name := printable(about(f))
		if p.width > 0 {
			name = middle(name, max(p.width-len(margin)-len(f.Rule)-2, columnPod.least))
		}
		p.line(indent + p.paint(fmt.Sprintf("%-8s", f.Severity), severityLooks[f.Severity]) + "  " + f.Rule + "  " + name)
		p.wrapped(printable(f.Message))
		if f.Fix != "" {
			p.wrapped("-> " + printable(f.Fix))
		}
	}
	if more := int(t.Status.Summary.Findings) - len(t.Status.Findings); more > 0 {
		p.line(indent + p.paint(fmt.Sprintf("%s %d more, less severe", ellipsis, more), lookFaint))
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

// wrapped prints a text below a finding, in lines that fit.
func (p *printer) wrapped(text string) {
	line := margin
	for word := range strings.FieldsSeq(text) {
		if p.width > 0 && len(line)+len(word) > p.width && line != margin {
			p.line(line)
			line = margin
		}
		line += word + " "
	}
	p.line(line)
}
