package figures

import (
	"fmt"
	"io"
	"strings"
)

// Sizes of the picture, in pixels: a chart for each curve, side by side.
const (
	chartWidth, chartHeight = 220, 150
	margin                  = 44
)

// style follows the reader's colours: SVG in an img element knows the system's scheme.
const style = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.name { font-weight: 600 }
.axis { stroke: #8c959f; fill: none }
.fit { stroke: #8c959f; stroke-dasharray: 4 3; fill: none }
.dot { fill: #0969da }
.beside { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .dot { fill: #58a6ff }
}
</style>`

// Draw the growth of all curves over the number of nodes as SVG.
func Draw(to io.Writer, all []*Figures) error {
	all = bySize(all)
	if len(all) < 2 {
		return fmt.Errorf("%d sizes were measured: a curve takes two", len(all))
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n",
		len(curves)*(chartWidth+margin)+margin, chartHeight+2*margin, label(all))
	fmt.Fprintln(&out, style)
	for i, c := range curves {
		c.draw(&out, all, margin+i*(chartWidth+margin))
	}
	fmt.Fprintln(&out, "</svg>")
	_, err := io.WriteString(to, out.String())
	return err
}

func label(all []*Figures) string {
	return fmt.Sprintf("What killorder takes with %d to %d nodes", all[0].Nodes, all[len(all)-1].Nodes)
}

func (c curve) draw(out *strings.Builder, all []*Figures, left int) {
	nodes, most := float64(all[len(all)-1].Nodes), 0.
	for _, s := range c.shown() {
		l := fit(all, s.of)
		most = max(most, l.at, l.of(nodes))
		for _, f := range all {
			most = max(most, s.of(f))
		}
	}
	x := func(n float64) float64 { return float64(left) + n/nodes*(chartWidth-margin) }
	y := func(v float64) float64 { return margin + chartHeight*(1-ratio(v, most)) }
	fmt.Fprintf(out, `<text class="name" x="%d" y="%d">%s, %s</text>`+"\n", left, margin-22, c.name, c.unit)
	fmt.Fprintf(out, `<path class="axis" d="M%d %d V%d H%d"/>`+"\n", left, margin, margin+chartHeight, left+chartWidth-margin)
	last := all[len(all)-1]
	for _, s := range c.shown() {
		l := fit(all, s.of)
		fmt.Fprintf(out, `<path class="fit" d="M%.1f %.1f L%.1f %.1f"/>`+"\n", x(0), y(max(l.at, 0)), x(nodes), y(l.of(nodes)))
		for _, f := range all {
			fmt.Fprintf(out, `<circle class="%s" cx="%.1f" cy="%.1f" r="3"><title>%d nodes: %s %s</title></circle>`+"\n",
				s.class, x(float64(f.Nodes)), y(s.of(f)), f.Nodes, short(s.of(f)), c.unit)
		}
		fmt.Fprintf(out, `<text x="%.1f" y="%.1f" text-anchor="end">%s%s</text>`+"\n",
			x(nodes)-6, y(s.of(last))-6, s.whose, short(s.of(last)))
	}
	fmt.Fprintf(out, `<text x="%.1f" y="%d" text-anchor="end">%d nodes</text>`+"\n", x(nodes), margin+chartHeight+16, last.Nodes)
}

// shown is one line of a chart.
type shown struct {
	class, whose string
	of           func(*Figures) float64
}

func (c curve) shown() []shown {
	if c.beside == nil {
		return []shown{{"dot", "", c.of}}
	}
	return []shown{{"dot", "killorder ", c.of}, {"beside", "kube-state-metrics ", c.beside}}
}
