// Package table prints for people: tables of nodes and orders, in colour and to the width of the terminal where there
// is one.
package table

import (
	"bufio"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/killorder/killorder/internal/cli/text"
)

// DefaultWidth in columns, where the output is no terminal.
const DefaultWidth = 100

// Look of a text; it shows in colour only.
type Look int

// The looks.
const (
	Plain Look = iota
	// Title of sections and columns.
	Title
	// NodeName is a node's name.
	NodeName
	// Critical marks critical pods, Culprit the pod that brings the node down.
	Critical
	Culprit
	// Warning is for what makes an order doubtful.
	Warning
	// Faint is for what matters least.
	Faint
)

// codes of the looks (ECMA-48 SGR).
var codes = [...]string{Title: "1", NodeName: "1;36", Critical: "1;31", Culprit: "33", Warning: "33", Faint: "2"}

// Colour says when to use colour.
type Colour string

// The choices of colour. ColourAuto: on a terminal, unless NO_COLOR is set or TERM is dumb.
const (
	ColourAuto   Colour = "auto"
	ColourAlways Colour = "always"
	ColourNever  Colour = "never"
)

// Printer writes lines.
type Printer struct {
	w      *bufio.Writer
	width  int
	colour bool
	wide   bool
	err    error
}

// NewPrinter writes to w; wide output is never shortened.
func NewPrinter(w io.Writer, wide bool, colour Colour) *Printer {
	p := &Printer{w: bufio.NewWriter(w), width: DefaultWidth, wide: wide}
	p.As(w, colour)
	return p
}

// As makes lines as they are for a writer that may be a terminal, though they are written elsewhere.
func (p *Printer) As(w io.Writer, colour Colour) {
	p.colour = colour == ColourAlways
	if IsTerminal(w) {
		if colour == ColourAuto {
			p.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		}
		if columns, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil && columns > 0 {
			p.width = columns
		}
	}
	if p.wide {
		p.width = 0
	}
}

// IsTerminal reports whether w, a writer or reader, is a terminal.
func IsTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Paint returns a text made printable, in its look.
func (p *Printer) Paint(s string, l Look) string {
	s = text.Printable(s)
	if !p.colour || l == Plain {
		return s
	}
	return "\x1b[" + codes[l] + "m" + s + "\x1b[0m"
}

// Blank writes an empty line.
func (p *Printer) Blank() { p.line("") }

// Text writes a text, made printable, in lines that fit: the first begins at the column of the indent, the others are
// indented by hang more. Lines are broken at blanks only.
func (p *Printer) Text(indent, hang int, s string, l Look) {
	margin, line := indent, ""
	for word := range strings.FieldsSeq(text.Printable(s)) {
		length := utf8.RuneCountInString(line)
		if p.width > 0 && line != "" && margin+length+1+utf8.RuneCountInString(word) > p.width {
			p.line(strings.Repeat(" ", margin) + p.Paint(line, l))
			margin, line = indent+hang, ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	p.line(strings.Repeat(" ", margin) + p.Paint(line, l))
}

// Whole writes a text as one line, however wide: commands to paste must not be broken.
func (p *Printer) Whole(indent int, s string, l Look) {
	p.line(strings.Repeat(" ", indent) + p.Paint(s, l))
}

// line writes a line that is printable already, without blanks at its end.
func (p *Printer) line(s string) {
	if _, err := p.w.WriteString(strings.TrimRight(s, " ") + "\n"); err != nil && p.err == nil {
		p.err = err
	}
}

// Flush writes what is buffered, and returns the first error of all writing.
func (p *Printer) Flush() error {
	if err := p.w.Flush(); p.err == nil {
		p.err = err
	}
	return p.err
}
