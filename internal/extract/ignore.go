package extract

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/killorder/killorder/internal/facts"
)

const (
	// AnnotationIgnore followed by a rule's name asks not to see that rule's findings about the object. Its value is the
	// reason, with an optional end before it: "until 2027-01-31: reason".
	AnnotationIgnore = "ignore.killorder.io/"
	// maxIgnores of one object, in the order of their rules, and the bounds of their texts in bytes.
	maxIgnores, maxRule, maxReason = 32, 63, 120
)

// ReadsAnnotation reports whether facts are made of the annotation: of mirror pods, nodes of KWOK, ignored findings.
func ReadsAnnotation(key string) bool {
	return key == AnnotationMirror || key == AnnotationKWOK || strings.HasPrefix(key, AnnotationIgnore)
}

// ignores are the wishes among an object's annotations.
func ignores(annotations map[string]string) []facts.Ignore {
	var found []facts.Ignore
	for key, value := range annotations {
		rule, ok := strings.CutPrefix(key, AnnotationIgnore)
		if !ok || rule == "" || len(rule) > maxRule {
			continue
		}
		i := facts.Ignore{Rule: intern(rule)}
		i.Until, i.Reason = until(value)
		i.Reason = intern(printable(i.Reason, maxReason))
		found = append(found, i)
	}
	slices.SortFunc(found, func(a, b facts.Ignore) int { return strings.Compare(a.Rule, b.Rule) })
	return slices.Clip(found[:min(len(found), maxIgnores)])
}

// until splits "until 2027-01-31: reason" into the end, in Unix seconds, and the reason: the wish holds through that day,
// in UTC. A value of another form is all reason and has no end.
func until(value string) (end int64, reason string) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(value), "until ")
	if !ok {
		return 0, value
	}
	date, reason, _ := strings.Cut(rest, ":")
	day, err := time.Parse(time.DateOnly, strings.TrimSpace(date))
	if err != nil {
		return 0, value
	}
	return day.AddDate(0, 0, 1).Unix(), strings.TrimSpace(reason)
}

// printable returns at most n bytes of a text that somebody else wrote: without what a terminal would act on, and not cut
// within a character.
func printable(text string, n int) string {
	text = strings.ToValidUTF8(text[:min(len(text), 4*n)], "")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}
