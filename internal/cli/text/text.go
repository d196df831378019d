// Package text makes text fit for people and programs: it is the one place that keeps control characters of names,
// labels and messages, which tenants write, off terminals, pages and documents.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Printable replaces each character that a terminal might act on by "?": C0 and C1 control characters, characters that
// change the direction of writing (U+202E and its kind) or have no width, and bytes that are not UTF-8.
func Printable(s string) string { return mapped(s, '?') }

// OneLine keeps a message on one line: it replaces the characters that Printable replaces by blanks, and joins blanks.
func OneLine(s string) string { return strings.Join(strings.Fields(mapped(s, ' ')), " ") }

func mapped(s string, instead rune) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			return instead
		}
		return r
	}, s)
}

// Human is an amount of memory as people write it: 7.5Gi, 200Mi, 0; one decimal below 100 of the larger units.
func Human(bytes int64) string {
	if bytes < 0 {
		return "-" + Human(-bytes)
	}
	const ki = 1 << 10
	value, unit := float64(bytes), 0
	units := []string{"", "Ki", "Mi", "Gi", "Ti", "Pi"}
	// From 1023.5 on, the next unit is the rounder figure.
	for value >= ki-0.5 && unit < len(units)-1 {
		value, unit = value/ki, unit+1
	}
	decimals := 0
	if unit >= 3 && value < 99.95 {
		decimals = 1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.*f", decimals, value), ".0") + units[unit]
}

// Ellipsis stands for what is left out.
const Ellipsis = "…"

// Middle shortens a text to width columns by leaving out its middle: names differ at both ends.
func Middle(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	if width <= 1 {
		return Ellipsis[:min(len(Ellipsis), len(Ellipsis)*max(width, 0))]
	}
	head := (width - 1) / 2
	return string(r[:head]) + Ellipsis + string(r[len(r)-(width-1-head):])
}
