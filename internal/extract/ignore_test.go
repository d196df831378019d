package extract

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/facts"
)

func TestIgnores(t *testing.T) {
	end := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC).Unix()
	for name, tc := range map[string]struct {
		value string
		want  facts.Ignore
	}{
		"a reason":                {"moves soon", facts.Ignore{Reason: "moves soon"}},
		"an end and a reason":     {"until 2027-01-31: moves soon", facts.Ignore{Until: end, Reason: "moves soon"}},
		"spaces":                  {"  until 2027-01-31 :  moves soon ", facts.Ignore{Until: end, Reason: "moves soon"}},
		"an end alone":            {"until 2027-01-31", facts.Ignore{Until: end}},
		"no such day":             {"until 2027-02-30: x", facts.Ignore{Reason: "until 2027-02-30: x"}},
		"another form of a date":  {"until 31.1.2027: x", facts.Ignore{Reason: "until 31.1.2027: x"}},
		"what a terminal acts on": {"until 2027-01-31: \x1b[31mred", facts.Ignore{Until: end, Reason: "[31mred"}},
		"nothing":                 {"", facts.Ignore{}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want.Rule = "BestEffortPod"
			got := ignores(map[string]string{AnnotationIgnore + "BestEffortPod": tc.value, "other": "x", AnnotationIgnore: "no rule"})
			if diff := cmp.Diff([]facts.Ignore{tc.want}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// FuzzIgnores: whatever stands in annotations, what is kept is bounded, printable and in order; the same twice.
func FuzzIgnores(f *testing.F) {
	for _, value := range []string{
		"reason", "until 2027-01-31: moves", "until 2027-01-31", "until", "until :", "until 9999-12-31: x", "until 0000-01-01: x",
		"until 2027-01-31: \xff\x1b]0;x\x07\u202e", strings.Repeat("ä", 4096), "until " + strings.Repeat("9", 300),
	} {
		f.Add("BestEffortPod", value)
	}
	f.Add(strings.Repeat("r", 64), "x")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, rule, value string) {
		annotations := map[string]string{AnnotationIgnore + rule: value, AnnotationIgnore + "Other": value}
		got := ignores(annotations)
		if len(got) > len(annotations) || !slices.IsSortedFunc(got, func(a, b facts.Ignore) int { return strings.Compare(a.Rule, b.Rule) }) {
			t.Fatalf("%+v", got)
		}
		for _, i := range got {
			if len(i.Rule) > maxRule || i.Rule == "" || len(i.Reason) > maxReason || !utf8.ValidString(i.Reason) ||
				strings.ContainsFunc(i.Reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%+v is not bounded and printable", i)
			}
			if i.Until != 0 && (i.Until%86400 != 0 || !strings.Contains(value, "until ")) {
				t.Errorf("an end at %d of %q", i.Until, value)
			}
		}
		if diff := cmp.Diff(got, ignores(annotations)); diff != "" {
			t.Errorf("not the same twice:\n%s", diff)
		}
	})
}
