package cli

import (
	"strings"
	"unicode/utf8"
)

// column of a grid.
type column struct {
	title string
	// right-aligned, as figures are.
	right bool
	// least is how narrow it may be made to fit, 0 if not at all.
	least int
}

// cell is a text and how it looks.
type cell struct {
	text string
	look look
}

func plain(text string) cell { return cell{text: text} }

// grid is a table with a title row.
type grid struct {
	columns []column
	rows    [][]cell
}

const gap = 2

// indent of everything below a node's name.
const indent = "  "

// write writes the grid, no wider than width if its columns may be made narrow enough; a width of 0 is no limit.
func (g *grid) write(p *printer) {
	widths := g.widths(p.width)
	titles := make([]cell, len(g.columns))
	for i, c := range g.columns {
		titles[i] = cell{c.title, lookTitle}
	}
	g.row(p, titles, widths)
	for _, row := range g.rows {
		g.row(p, row, widths)
	}
}

func (g *grid) row(p *printer, row []cell, widths []int) {
	var line strings.Builder
	line.WriteString(indent)
	pending := 0 // blanks are written only before more text
	for i, c := range row {
		text := middle(printable(c.text), widths[i])
		blank := widths[i] - utf8.RuneCountInString(text)
		if g.columns[i].right {
			pending += blank
		}
		if text != "" {
			line.WriteString(strings.Repeat(" ", pending) + p.paint(text, c.look))
			pending = 0
		}
		if pending += gap; !g.columns[i].right {
			pending += blank
		}
	}
	p.line(line.String())
}

// widths are the columns' natural ones, the widest of the flexible columns made narrower until all fit.
func (g *grid) widths(limit int) []int {
	widths := make([]int, len(g.columns))
	total := len(indent) + gap*(len(widths)-1)
	for i, c := range g.columns {
		widths[i] = utf8.RuneCountInString(c.title)
		for _, row := range g.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
		}
		total += widths[i]
	}
	for limit > 0 && total > limit {
		widest := -1
		for i, c := range g.columns {
			if c.least > 0 && widths[i] > c.least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	return widths
}
