package prometheus

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	literal  = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)*'")
	grouping = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	// Ranges, offsets and numbers: no names, but letters.
	nameless  = regexp.MustCompile(`\[[^\]]*\]|\boffset\s+\S+|\b\d[0-9a-zA-Z_.]*`)
	name      = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\(|\{[^}]*\})?`)
	matcher   = regexp.MustCompile(`([a-zA-Z_]\w*)\s*[=!~]+`)
	label     = regexp.MustCompile(`[a-zA-Z_]\w*`)
	operators = []string{"and", "or", "unless", "bool", "inf", "nan"}
)

// named is what an expression of PromQL relies on: metrics, with the labels it selects by, and the labels it groups
// by. It need not understand the expression, which Prometheus does; it must not miss a name.
type named struct {
	metrics map[string][]string
	groups  []string
}

func namedIn(expr string) named {
	n := named{metrics: map[string][]string{}}
	expr = literal.ReplaceAllString(expr, `""`)
	for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
		n.groups = append(n.groups, label.FindAllString(g[2], -1)...)
	}
	expr = nameless.ReplaceAllString(grouping.ReplaceAllString(expr, " "), " ")
	for _, m := range name.FindAllStringSubmatch(expr, -1) {
		if m[2] == "(" || slices.Contains(operators, strings.ToLower(m[1])) {
			continue // a function, or a word of the language
		}
		labels := n.metrics[m[1]]
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			labels = append(labels, l[1])
		}
		n.metrics[m[1]] = labels
	}
	return n
}

// queriesIn the templates of an annotation: every string literal that names a metric of somebody's.
func queriesIn(template string) (queries []string) {
	for _, s := range literal.FindAllString(template, -1) {
		s = strings.ReplaceAll(strings.Trim(s, `"`), `\"`, `"`)
		if strings.ContainsAny(s, "({") {
			queries = append(queries, strings.ReplaceAll(s, "%q", `"a"`))
		}
	}
	return queries
}

func TestNamedIn(t *testing.T) {
	tests := map[string]struct {
		expr string
		want named
	}{
		"a metric":          {"up", named{map[string][]string{"up": nil}, nil}},
		"matchers":          {`a_b{x="and", y!~"c.*"} > 0`, named{map[string][]string{"a_b": {"x", "y"}}, nil}},
		"functions, ranges": {`round(increase(a[10m])) > 0`, named{map[string][]string{"a": nil}, nil}},
		"operators": {
			"(a unless a offset 10m and on (job, instance) up offset 1h == 1) or sum by (node) (b)",
			named{map[string][]string{"a": nil, "up": nil, "b": nil}, []string{"job", "instance", "node"}},
		},
		"grouping behind": {"sum(a) without (pod)", named{map[string][]string{"a": nil}, []string{"pod"}}},
		"numbers":         {"a * 1e9 > bool 600", named{map[string][]string{"a": nil}, nil}},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			if diff := cmp.Diff(test.want, namedIn(test.expr), cmp.AllowUnexported(named{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	got := queriesIn(`{{ with printf "max(a{node=%q})" $labels.node | query }}{{ . | printf "%.1f" }}{{ end }} {{ query "b{c=\"d\"}" }}`)
	if diff := cmp.Diff([]string{`max(a{node="a"})`, `b{c="d"}`}, got); diff != "" {
		t.Error(diff)
	}
}
