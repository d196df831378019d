package audit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/killorder/killorder/internal/facts"
)

// maxText is the API's bound on a message and on a fix, in characters.
const maxText = 160

const (
	ki = int64(1) << 10
	mi = ki << 10
	gi = mi << 10
)

// amount in whole Mi, or in Gi where that is exact.
func amount(bytes int64) string {
	switch {
	case bytes >= gi && bytes%gi == 0:
		return strconv.FormatInt(bytes/gi, 10) + "Gi"
	case bytes >= mi || bytes <= -mi:
		return strconv.FormatInt(bytes/mi, 10) + "Mi"
	}
	if bytes < ki && bytes > -ki {
		return "0"
	}
	return strconv.FormatInt(bytes/ki, 10) + "Ki"
}

// suggest is a request with room to breathe for that usage: a quarter more, in round numbers.
func suggest(usage int64) int64 { return max(round(usage+usage/4), 32*mi) }

// round an amount up, the larger the coarser.
func round(bytes int64) int64 {
	switch {
	case bytes > 8*gi:
		return roundUp(bytes, 256*mi)
	case bytes > gi:
		return roundUp(bytes, 64*mi)
	}
	return roundUp(bytes, 32*mi)
}

func roundUp(bytes, step int64) int64 { return (bytes + step - 1) / step * step }

// maxName is how much of a name fits a text with two of them.
const maxName = 26

// short keeps beginning and end of a long name.
func short(name string) string {
	r := []rune(name)
	if len(r) <= maxName {
		return name
	}
	const half = (maxName - 3) / 2
	return string(r[:half+1]) + "..." + string(r[len(r)-half:])
}

func plural(count int) string { return strconv.Itoa(count) + " pods here. " }

// cut keeps a text within its bound, at a word.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	head := text[:maxText-3]
	if i := strings.LastIndexByte(head, ' '); i > 0 {
		head = head[:i]
	}
	return strings.TrimRight(strings.ToValidUTF8(head, ""), " ,;:") + "..."
}

// moves says how ranks change: "eviction rank 1 -> 9, OOM rank 1 -> last", "" if they do not.
func moves(from, to ranks) string {
	var parts []string
	if from.eviction != to.eviction {
		parts = append(parts, fmt.Sprintf("eviction rank %d -> %d", from.eviction, to.eviction))
	}
	switch {
	case from.oom == to.oom:
	case to.lastOOM:
		parts = append(parts, fmt.Sprintf("OOM rank %d -> last", from.oom))
	default:
		parts = append(parts, fmt.Sprintf("OOM rank %d -> %d", from.oom, to.oom))
	}
	return strings.Join(parts, ", ")
}

// usage of the pod in bytes, and whether it is known.
func usage(p *facts.PodState) (int64, bool) { return p.WorkingSet, p.WorkingSet != facts.Unknown }
