package audit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/whatif"
	"github.com/killorder/killorder/internal/facts"
)

// maxText is the API's bound on a message and on a fix, in characters.
const maxText = 160

const (
	mi = facts.MiB
	gi = facts.GiB
)

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

// nobodyEvicted reports whether the kubelet has no threshold to evict for.
func (c *audit) nobodyEvicted() bool { return c.v.Memory.ThresholdSource == engine.NoThreshold }

// moves says how ranks change: "eviction rank 1 -> 9, OOM rank 1 -> last", "" if they do not. Where nobody is evicted,
// eviction ranks are not worth a word.
func (c *audit) moves(from, to whatif.Ranks) string {
	var parts []string
	if from.Eviction != to.Eviction && !c.nobodyEvicted() {
		parts = append(parts, fmt.Sprintf("eviction rank %d -> %d", from.Eviction, to.Eviction))
	}
	switch {
	case from.OOM == to.OOM:
	case to.OOMLast:
		parts = append(parts, fmt.Sprintf("OOM rank %d -> last", from.OOM))
	default:
		parts = append(parts, fmt.Sprintf("OOM rank %d -> %d", from.OOM, to.OOM))
	}
	return strings.Join(parts, ", ")
}

// usage of the pod in bytes, and whether it is known.
func usage(p *facts.PodState) (int64, bool) { return p.WorkingSet, p.WorkingSet != facts.Unknown }
