package table

import "strings"

// Marks of pods and ranks.
const (
	MarkCritical = "!"
	MarkCulprit  = "*"
	MarkTied     = "="
)

// Marks are those used so far.
type Marks struct{ critical, culprit, tied bool }

// add has the marks of n count as used too.
func (m *Marks) add(n Marks) {
	m.critical, m.culprit, m.tied = m.critical || n.critical, m.culprit || n.culprit, m.tied || n.tied
}

// Legend explains the marks used.
func (m *Marks) Legend(p *Printer) {
	var legend []string
	if m.critical {
		legend = append(legend, MarkCritical+" critical")
	}
	if m.culprit {
		legend = append(legend, MarkCulprit+" culprit")
	}
	if m.tied {
		legend = append(legend, MarkTied+" tied: the kubelet has no preference")
	}
	if len(legend) > 0 {
		p.Blank()
		p.line(indent + p.Paint(strings.Join(legend, "   "), Faint))
	}
}
