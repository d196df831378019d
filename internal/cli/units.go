package cli

import (
	"fmt"
	"strings"
)

// human is an amount of memory as people write it: 7.5Gi, 200Mi, 0; one decimal below 100 of the larger units.
func human(bytes int64) string {
	if bytes < 0 {
		return "-" + human(-bytes)
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

// ellipsis stands for what middle leaves out.
const ellipsis = "…"

// middle shortens a text to width columns by leaving out its middle: names differ at both ends.
func middle(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	if width <= 1 {
		return ellipsis[:min(len(ellipsis), len(ellipsis)*max(width, 0))]
	}
	head := (width - 1) / 2
	return string(r[:head]) + ellipsis + string(r[len(r)-(width-1-head):])
}
