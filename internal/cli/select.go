package cli

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/killorder/killorder/internal/facts"
)

// selection says which nodes to show, and in which order.
type selection struct {
	sort     string
	below    string
	critical bool

	// bytes or percent of --headroom-below; unset if negative.
	bytes   int64
	percent float64
}

const (
	sortName     = "name"
	sortHeadroom = "headroom"
)

func (s *selection) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.sort, "sort", sortName, "Order of the nodes: name|headroom (least first)")
	flags.StringVar(&s.below, "headroom-below", "", "Only nodes with less left than this: 2Gi, or 10% of the killer's limit")
	flags.BoolVar(&s.critical, "critical", false, "Only nodes where a critical pod is among the first of an order")
}

func (s *selection) validate() (err error) {
	if err := oneOf("sort", s.sort, []string{sortName, sortHeadroom}); err != nil {
		return err
	}
	s.bytes, s.percent = unset, float64(unset)
	number, percent := strings.CutSuffix(s.below, "%")
	switch {
	case s.below == "":
		return nil
	case percent:
		if s.percent, err = strconv.ParseFloat(number, 64); err != nil || s.percent < 0 || s.percent > 100 {
			return wrongUsage("invalid value %q for --headroom-below, must be an amount such as 2Gi, or 0%% to 100%%", s.below)
		}
		return nil
	}
	s.bytes, err = bytesOf("headroom-below", s.below)
	return err
}

// order puts the nodes to show in order.
func (s *selection) order(nodes []ranked) {
	if s.sort == sortHeadroom {
		slices.SortStableFunc(nodes, func(a, b ranked) int { return cmp.Compare(a.left, b.left) })
	}
}

// wants reports whether a node is to be shown.
func (s *selection) wants(n *judged) bool {
	if s.critical && n.verdict.Outlook.CriticalPods == 0 {
		return false
	}
	left, limit, known := headroomOf(n)
	switch {
	case s.bytes != unset:
		return known && left < s.bytes
	case s.percent >= 0:
		return known && float64(left) < s.percent/100*float64(limit)
	}
	return true
}

// headroomOf is what is left on a node until its nearer killer of the two, and the limit that this is a part of, in bytes,
// where it is known.
func headroomOf(n *judged) (left, limit int64, known bool) {
	m := &n.verdict.Memory
	switch {
	case m.HeadroomKnown:
		return m.Headroom, m.EvictionLimit, true
	case m.OOMHeadroomKnown:
		return m.OOMHeadroom, m.OOMLimit, true
	}
	return 0, 0, false
}

// leastLeft is the key to sort by: nodes whose headroom is unknown come last.
func leastLeft(n *judged) int64 {
	if left, _, known := headroomOf(n); known {
		return left
	}
	return facts.MaxBytes
}
