package text

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"

	"sigs.k8s.io/yaml"
)

// hostile texts, and what a person may see of them.
var hostile = map[string]struct{ in, wantPrintable, wantLine string }{
	"plain":              {"payments-api", "payments-api", "payments-api"},
	"umlauts and kanji":  {"größe 支払", "größe 支払", "größe 支払"},
	"C0: colour":         {"a\x1b[31mb", "a?[31mb", "a [31mb"},
	"C0: bell, backtab":  {"a\a\b\tb", "a???b", "a b"},
	"line feeds":         {"a\r\nb", "a??b", "a b"},
	"C1: CSI":            {"a\u009b31mb", "a?31mb", "a 31mb"},
	"DEL":                {"a\x7fb", "a?b", "a b"},
	"right to left":      {"a\u202eb", "a?b", "a b"},
	"isolates":           {"a\u2066b\u2069", "a?b?", "a b"},
	"no width":           {"a\u200bb\ufeff", "a?b?", "a b"},
	"line separator":     {"a\u2028b", "a?b", "a b"},
	"no UTF-8":           {"a\xffb", "a?b", "a b"},
	"tags above U+FFFF":  {"a\U000e0041b", "a?b", "a b"},
	"replacement itself": {"a\ufffdb", "a?b", "a b"},
}

func TestPrintable(t *testing.T) {
	for name, tc := range hostile {
		if got := Printable(tc.in); got != tc.wantPrintable {
			t.Errorf("%s: Printable(%q) = %q, want %q", name, tc.in, got, tc.wantPrintable)
		}
		if got := OneLine(tc.in); got != tc.wantLine {
			t.Errorf("%s: OneLine(%q) = %q, want %q", name, tc.in, got, tc.wantLine)
		}
	}
}

// TestEscapeJSON: the escaped text means the same, and shows nothing that a terminal acts on; in YAML neither.
func TestEscapeJSON(t *testing.T) {
	for name, tc := range hostile {
		plain, err := json.MarshalIndent(map[string]string{"name": tc.in}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		escaped := EscapeJSON(plain)
		asYAML, err := YAML(plain)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, out := range [][]byte{escaped, asYAML} {
			for _, r := range string(out) {
				if r != '\n' && !strconv.IsPrint(r) {
					t.Errorf("%s: %q shows %U", name, out, r)
				}
			}
		}
		var was, is map[string]string
		if err := json.Unmarshal(plain, &was); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(asYAML, &is); err != nil {
			t.Fatal(err)
		}
		if was["name"] != is["name"] {
			t.Errorf("%s: %q became %q", name, was["name"], is["name"])
		}
	}
}

func TestHuman(t *testing.T) {
	const ki, mi, gi = 1 << 10, 1 << 20, 1 << 30
	for bytes, want := range map[int64]string{
		0: "0", 1: "1", 1023: "1023", ki: "1Ki", 200 * mi: "200Mi", -200 * mi: "-200Mi", 1023 * mi: "1023Mi",
		1024*mi - 1: "1Gi", 1536 * mi: "1.5Gi", 7680 * mi: "7.5Gi", 16 * gi: "16Gi", 17395 * mi: "17Gi",
		100 * gi: "100Gi", 99*gi + 900*mi: "99.9Gi", 1500 * gi: "1.5Ti", 1 << 53: "8Pi",
	} {
		if got := Human(bytes); got != want {
			t.Errorf("Human(%d) = %s, want %s", bytes, got, want)
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
		if got := Middle(tc.text, tc.width); got != tc.want {
			t.Errorf("Middle(%q, %d) = %q, want %q", tc.text, tc.width, got, tc.want)
		}
	}
}

// FuzzText: whatever the text, nothing of it that is shown acts on a terminal, and JSON and YAML still mean the same.
func FuzzText(f *testing.F) {
	for _, tc := range hostile {
		f.Add(tc.in)
	}
	for _, s := range []string{"", "~", "null", "1e3", "- a: b\n", "|\n x", "\"\\u001b\"", "a: !!binary x", "%YAML 1.1\n---", "0o17", "2026-11-28", "Y", "on", "No", "12:30", "0777", "1_000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, shown := range []string{Printable(s), OneLine(s)} {
			showsNothingThatActs(t, shown, false)
		}
		plain, err := json.Marshal(map[string]string{"name": s})
		if err != nil {
			t.Fatal(err)
		}
		escaped := EscapeJSON(plain)
		asYAML, err := YAML(plain)
		if err != nil {
			t.Fatalf("%q: %v", plain, err)
		}
		showsNothingThatActs(t, string(escaped), true)
		showsNothingThatActs(t, string(asYAML), true)
		var was, inJSON, inYAML map[string]string
		if err := errors.Join(json.Unmarshal(plain, &was), json.Unmarshal(escaped, &inJSON), yaml.Unmarshal(asYAML, &inYAML)); err != nil {
			t.Fatalf("%q, %q, %q: %v", plain, escaped, asYAML, err)
		}
		if was["name"] != inJSON["name"] || was["name"] != inYAML["name"] {
			t.Errorf("%q is %q in JSON and %q in YAML", was["name"], inJSON["name"], inYAML["name"])
		}
	})
}

func showsNothingThatActs(t *testing.T, shown string, lines bool) {
	t.Helper()
	for _, r := range shown {
		if !strconv.IsPrint(r) && (!lines || r != '\n') {
			t.Errorf("%q shows %U", shown, r)
		}
	}
}
