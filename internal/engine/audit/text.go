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
func suggest(usage int64) int64 {
	want := usage + usage/4
	step := 32 * mi
	switch {
	case want > 8*gi:
		step = 256 * mi
	case want > gi:
		step = 64 * mi
	}
	return max((want+step-1)/step, 1) * step
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
	return strings.TrimRight(head, " ,;:") + "..."
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

// fixed is a fix and what it does to the pod's ranks.
func (c *audit) fixed(p *facts.PodState, fix string, change func(*facts.Pod)) string {
	if m := moves(c.ranksIf(p, nil), c.ranksIf(p, change)); m != "" {
		return fix + ": " + m + "."
	}
	return fix + "."
}

// usage of the pod in bytes, and whether it is known.
func usage(p *facts.PodState) (int64, bool) { return p.WorkingSet, p.WorkingSet != facts.Unknown }
