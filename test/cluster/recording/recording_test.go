package recording

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		raw  string
		want line
	}{
		"plain":                    {"worker-1", line{{"worker-1", style{}}}},
		"bold, then not":           {"\x1b[1m==> Who\x1b[0m?", line{{"==> Who", style{bold: true}}, {"?", style{}}}},
		"bold red":                 {"\x1b[1;31mdies\x1b[m", line{{"dies", style{bold: true, color: '1'}}}},
		"bright, back to default":  {"\x1b[92mok\x1b[39m.", line{{"ok", style{color: '2'}}, {".", style{}}}},
		"other sequences are gone": {"a\x1b[2Kb\x1b[10;3Hc", line{{"a", style{}}, {"b", style{}}, {"c", style{}}}},
		"unfinished":               {"a\x1b[3", line{{"a", style{}}}},
		"empty":                    {"", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parse(test.raw), cmp.AllowUnexported(span{}, style{})); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	rows := wrap(parse("ab…d\x1b[1mefghij"), 4)
	var have []string
	for _, row := range rows {
		have = append(have, row.text())
	}
	if diff := cmp.Diff([]string{"ab…d", "efgh", "ij"}, have); diff != "" {
		t.Errorf("(-want +have)\n%s", diff)
	}
	if !rows[2][0].style.bold {
		t.Error("the style is lost at the break")
	}
	if rows := wrap(nil, 4); len(rows) != 1 {
		t.Errorf("an empty line takes %d rows", len(rows))
	}
}

func TestSplit(t *testing.T) {
	long := strings.Repeat("row\n", Rows+3)
	pages := split("==> Programs\nbuilding\n\n==> One <scene>\nfirst & last\n\n==> Two\n" + long + "\n==> The end\n")
	var have []int
	for _, p := range pages {
		have = append(have, len(p.lines))
	}
	if diff := cmp.Diff([]int{2, Rows, 5}, have); diff != "" {
		t.Errorf("rows of each page (-want +have)\n%s", diff)
	}
	if title := pages[2].lines[0].text(); title != "==> Two" {
		t.Errorf("the second page of a scene begins with %q", title)
	}
}

// TestWrite reads the picture as a viewer does.
func TestWrite(t *testing.T) {
	out := &strings.Builder{}
	if err := Write(out, "==> Programs\n\n==> One <scene>\nfirst & last\n==> Two\n\x1b[31mred\n"); err != nil {
		t.Fatal(err)
	}
	var texts []string
	decoder := xml.NewDecoder(strings.NewReader(out.String()))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if element, ok := token.(xml.StartElement); ok && element.Name.Local == "text" {
			var content string
			if err := decoder.DecodeElement(&content, &element); err != nil {
				t.Fatal(err)
			}
			texts = append(texts, content)
		}
	}
	if diff := cmp.Diff([]string{"==> One <scene>", "first & last", "==> Two", "red"}, texts); diff != "" {
		t.Errorf("(-want +have)\n%s", diff)
	}
	for _, want := range []string{`viewBox="0 0 824 `, "#p1 { animation", `style="fill:#ff7b72"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %s", want)
		}
	}
	if err := Write(io.Discard, "nothing of a demo\n"); err == nil {
		t.Error("takes any text")
	}
}
