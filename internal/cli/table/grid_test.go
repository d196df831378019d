package table

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGrid(t *testing.T) {
	g := Grid{
		Columns: []Column{{Title: "N", Right: true}, {}, {Title: "NAME", Least: 4}, {Title: "WHY"}},
		Rows: [][]Cell{
			{plain("1"), plain("!"), plain("a-rather-long-name"), plain("x")},
			{plain("22"), plain(""), plain("b\x1b[31m"), plain("")},
		},
	}
	for name, tc := range map[string]struct {
		width  int
		colour bool
		want   string
	}{
		"all of it":          {want: "   N     NAME                WHY\n   1  !  a-rather-long-name  x\n  22     b?[31m\n"},
		"to fit":             {width: 24, want: "   N     NAME        WHY\n   1  !  a-ra…-name  x\n  22     b?[31m\n"},
		"too narrow for all": {width: 5, want: "   N     NAME  WHY\n   1  !  a…me  x\n  22     b…1m\n"},
		"colour is no width": {
			width: 24, colour: true,
			want: "   \x1b[1mN\x1b[0m     \x1b[1mNAME\x1b[0m        \x1b[1mWHY\x1b[0m\n   1  !  a-ra…-name  x\n  22     b?[31m\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := NewPrinter(&out, false, ColourAuto)
			p.width, p.colour = tc.width, tc.colour
			g.Write(p)
			if err := p.Flush(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPrinterReportsWriteErrors(t *testing.T) {
	p := NewPrinter(broken{}, false, ColourAuto)
	for range 10000 {
		p.line("text")
	}
	if p.Flush() == nil {
		t.Error("no error")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, bytes.ErrTooLarge }
