package cli

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// defaultWidth where the output is no terminal, in columns.
const defaultWidth = 100

// look of a text; it shows on terminals only.
type look int

// The looks.
const (
	lookPlain look = iota
	// lookTitle of sections and columns.
	lookTitle
	// lookNode is a node's name.
	lookNode
	// lookCritical marks critical pods, lookCulprit the one that brings the node down.
	lookCritical
	lookCulprit
	// lookWarning is for what makes an order doubtful.
	lookWarning
	// lookFaint is for what matters least.
	lookFaint
)

// codes of the looks (ECMA-48 SGR).
var codes = [...]string{
	lookTitle: "1", lookNode: "1;36", lookCritical: "1;31", lookCulprit: "33", lookWarning: "33", lookFaint: "2",
}

// printer writes lines, with colour and to the width of the terminal if there is one.
type printer struct {
	w      *bufio.Writer
	width  int
	colour bool
	err    error
}

// newPrinter writes to w; wide output is never shortened.
func newPrinter(w io.Writer, wide bool) *printer {
	p := &printer{w: bufio.NewWriter(w), width: defaultWidth}
	if isTerminal(w) {
		p.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if columns, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil && columns > 0 {
			p.width = columns
		}
	}
	if wide {
		p.width = 0
	}
	return p
}

func (p *printer) paint(text string, l look) string {
	if !p.colour || l == lookPlain {
		return text
	}
	return "\x1b[" + codes[l] + "m" + text + "\x1b[0m"
}

// line writes a line, without blanks at its end.
func (p *printer) line(s string) {
	if _, err := p.w.WriteString(strings.TrimRight(s, " ") + "\n"); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *printer) flush() error {
	if err := p.w.Flush(); p.err == nil {
		p.err = err
	}
	return p.err
}

// printable replaces what a terminal might act on.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
