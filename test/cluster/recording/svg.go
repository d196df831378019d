package recording

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Sizes in pixels. The attribute textLength keeps each run of text in its columns
// in every font that a reader may have.
const (
	charWidth, lineHeight, fontSize, margin = 8.0, 17, 13, 12
)

var colors = map[byte]string{
	'1': "#ff7b72", '2': "#7ee787", '3': "#f2cc60", '4': "#79c0ff", '5': "#d2a8ff", '6': "#76e3ea", '7': "#e6edf3",
}

// draw makes an SVG group of each page; one group is visible at a time. A viewer
// without animation shows the first page.
func draw(pages []page) string {
	total := time.Duration(0)
	for _, p := range pages {
		total += p.shown
	}
	const width, height = Columns*charWidth + 2*margin, Rows*lineHeight + 2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %d" width="%g" height="%d">`+"\n",
		width, height, width, height)
	b.WriteString("<title>make demo</title>\n<style>\n")
	fmt.Fprintf(&b, "text { font: %dpx ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #e6edf3; white-space: pre }\n",
		fontSize)
	b.WriteString("g { visibility: hidden }\n#p0 { visibility: visible }\n")
	styles(&b, pages, total)
	fmt.Fprintf(&b, "</style>\n<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"#0d1117\"/>\n")
	for i, p := range pages {
		fmt.Fprintf(&b, "<g id=\"p%d\">\n", i)
		for row, l := range p.lines {
			text(&b, l, margin+(row+1)*lineHeight-4)
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// styles writes one animation for each page: the page is visible during its share
// of a round, and the rounds repeat.
func styles(b *strings.Builder, pages []page, total time.Duration) {
	began := time.Duration(0)
	for i, p := range pages {
		from, to := percent(began, total), percent(began+p.shown, total)
		fmt.Fprintf(b, "#p%d { animation: p%d %gs step-end infinite }\n", i, i, total.Seconds())
		fmt.Fprintf(b, "@keyframes p%d { 0%% { visibility: hidden } %s { visibility: visible } %s { visibility: hidden } }\n", i, from, to)
		began += p.shown
	}
}

func percent(part, total time.Duration) string {
	return fmt.Sprintf("%.3f%%", 100*part.Seconds()/total.Seconds())
}

// text draws one row, a run of text for each style.
func text(b *strings.Builder, l line, y int) {
	column := 0
	for _, s := range l {
		n := utf8.RuneCountInString(s.text)
		if strings.TrimSpace(s.text) != "" {
			fmt.Fprintf(b, `<text x="%g" y="%d" textLength="%g"%s>`,
				margin+float64(column)*charWidth, y, float64(n)*charWidth, attributes(s.style))
			_ = xml.EscapeText(b, []byte(s.text)) // writing to memory does not fail
			b.WriteString("</text>\n")
		}
		column += n
	}
}

func attributes(s style) string {
	var b strings.Builder
	if s.bold {
		b.WriteString(` font-weight="bold"`)
	}
	if s.dim {
		b.WriteString(` opacity="0.65"`)
	}
	if color, ok := colors[s.color]; ok {
		fmt.Fprintf(&b, ` style="fill:%s"`, color)
	}
	return b.String()
}
