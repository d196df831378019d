package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHuman(t *testing.T) {
	const ki, mi, gi = 1 << 10, 1 << 20, 1 << 30
	for bytes, want := range map[int64]string{
		0: "0", 1: "1", 1023: "1023", ki: "1Ki", 200 * mi: "200Mi", -200 * mi: "-200Mi", 1023 * mi: "1023Mi",
		1024*mi - 1: "1Gi", 1536 * mi: "1.5Gi", 7680 * mi: "7.5Gi", 16 * gi: "16Gi", 17395 * mi: "17Gi",
		100 * gi: "100Gi", 99*gi + 900*mi: "99.9Gi", 1500 * gi: "1.5Ti", 1 << 53: "8Pi",
	} {
		if got := human(bytes); got != want {
			t.Errorf("human(%d) = %s, want %s", bytes, got, want)
		}
	}
}

func TestMiddle(t *testing.T) {
	for _, tc := range []struct {
		text  string
		width int
		want  string
	}{
		{"short", 10, "short"},
		{"exactly-10", 10, "exactly-10"},
		{"eleven-char", 10, "elev…-char"},
		{"abc", 2, "…c"},
		{"abc", 1, "…"},
		{"abc", 0, ""},
		{"abc", -1, ""},
		{"größe-größe", 6, "gr…öße"},
	} {
		if got := middle(tc.text, tc.width); got != tc.want {
			t.Errorf("middle(%q, %d) = %q, want %q", tc.text, tc.width, got, tc.want)
		}
	}
}

func TestGrid(t *testing.T) {
	g := grid{
		columns: []column{{title: "N", right: true}, {}, {title: "NAME", least: 4}, {title: "WHY"}},
		rows: [][]cell{
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
			p := newPrinter(&out, false)
			p.width, p.colour = tc.width, tc.colour
			g.write(p)
			if err := p.flush(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestWidth: tables fit 100 columns with names of ordinary and of great length.
func TestWidth(t *testing.T) {
	for _, file := range []string{"testdata/story.yaml", "testdata/traits.yaml", "../snapshot/testdata/evidence"} {
		for line := range strings.Lines(run(t, "", "rank", "-f", file).out) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > defaultWidth {
				t.Errorf("%s: %d columns: %s", file, n, line)
			}
		}
	}
}

func TestPrinterReportsWriteErrors(t *testing.T) {
	p := newPrinter(broken{}, false)
	for range 10000 {
		p.line("text")
	}
	if p.flush() == nil {
		t.Error("no error")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, bytes.ErrTooLarge }
