package cli

import "strings"

// Marks of pods and ranks.
const (
	markCritical = "!"
	markCulprit  = "*"
	markTied     = "="
)

// marks are those used so far.
type marks struct{ critical, culprit, tied bool }

// explain prints a legend of the marks used.
func (m *marks) explain(p *printer) {
	var legend []string
	if m.critical {
		legend = append(legend, markCritical+" critical")
	}
	if m.culprit {
		legend = append(legend, markCulprit+" culprit")
	}
	if m.tied {
		legend = append(legend, markTied+" tied: the kubelet has no preference")
	}
	if len(legend) > 0 {
		p.line("")
		p.line(indent + p.paint(strings.Join(legend, "   "), lookFaint))
	}
}
