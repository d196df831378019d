package table

import (
	"strings"
	"unicode/utf8"

	"github.com/killorder/killorder/internal/cli/text"
)

// Column of a Grid.
type Column struct {
	Title string
	// Right-aligned, as figures are.
	Right bool
	// Least is how narrow the column may be made to fit, 0 if not at all.
	Least int
}

// Figure is a column of figures.
func Figure(title string) Column { return Column{Title: title, Right: true} }

// Cell is a text and how it looks.
type Cell struct {
	Text string
	Look Look
}

// Cells are plain ones.
func Cells(texts ...string) []Cell {
	cells := make([]Cell, len(texts))
	for i, t := range texts {
		cells[i].Text = t
	}
	return cells
}

func plain(text string) Cell { return Cell{Text: text} }

// Grid is a table with a title row.
type Grid struct {
	Columns []Column
	Rows    [][]Cell
}

const gap = 2

// indent of everything below a node's name.
const indent = "  "

// Write writes the grid, no wider than the printer if its columns may be made narrow enough.
func (g *Grid) Write(p *Printer) {
	widths := g.widths(p.width)
	titles := make([]Cell, len(g.Columns))
	for i, c := range g.Columns {
		titles[i] = Cell{c.Title, Title}
	}
	g.row(p, titles, widths)
	for _, row := range g.Rows {
		g.row(p, row, widths)
	}
}

func (g *Grid) row(p *Printer, row []Cell, widths []int) {
	var line strings.Builder
	line.WriteString(indent)
	pending := 0 // blanks are written only before more text
	for i, c := range row {
		shown := text.Middle(text.Printable(c.Text), widths[i])
		blank := widths[i] - utf8.RuneCountInString(shown)
		if g.Columns[i].Right {
			pending += blank
		}
		if shown != "" {
			line.WriteString(strings.Repeat(" ", pending) + p.Paint(shown, c.Look))
			pending = 0
		}
		if pending += gap; !g.Columns[i].Right {
			pending += blank
		}
	}
	p.line(line.String())
}

// widths are the columns' natural ones, the widest of the flexible columns made narrower until all fit; a limit of 0 is
// none.
func (g *Grid) widths(limit int) []int {
	widths := make([]int, len(g.Columns))
	total := len(indent) + gap*(len(widths)-1)
	for i, c := range g.Columns {
		widths[i] = utf8.RuneCountInString(c.Title)
		for _, row := range g.Rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].Text))
		}
		total += widths[i]
	}
	for limit > 0 && total > limit {
		widest := -1
		for i, c := range g.Columns {
			if c.Least > 0 && widths[i] > c.Least && (widest < 0 || widths[i] > widths[widest]) {
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
