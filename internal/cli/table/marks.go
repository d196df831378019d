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
