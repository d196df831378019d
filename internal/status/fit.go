package status

import (
	"encoding/json"
	"slices"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine/fair"
)

const (
	// maxStatus, in bytes of JSON, keeps a stored object under 10 kB: etcd and the API server's caches hold one object
	// per node. The rest of the 10 kB is for metadata and managedFields.
	maxStatus = 8_300
	// keepFindings and keepLimits are the lengths down to which both lists are cut before anything else is.
	keepFindings, keepLimits = 4, 2
)

// fit cuts findings and the end of limitOrder until the status is small enough, and the messages of kills but the newest before
// the last finding goes. Nothing important is lost: both lists are sorted worst first, findings are cut so that no
// namespace pushes out another's, summary counts every finding, and diagnose says again what a message said.
func fit(s *v1alpha1.NodeKillOrderStatus) {
	for size := sizeOf(s); size > maxStatus; {
		before := size
		switch f, l := len(s.Findings), len(s.LimitOrder); {
		case f > keepFindings:
			size -= cutFinding(s)
		case l > keepLimits:
			size -= cutLimit(s)
		case f > 1:
			size -= cutFinding(s)
		default:
			size -= cutKill(s)
		}
		switch {
		case size < before:
		case len(s.LimitOrder) > 1:
			size -= cutLimit(s)
		case len(s.Findings) > 0:
			size -= cutFinding(s)
		case len(s.LimitOrder) > 0:
			size -= cutLimit(s)
		default:
			return // the orders themselves are what the object is for
		}
	}
}

// cutFinding, cutLimit and cutKill each cut one thing, and return by how many bytes the status is smaller. The places of
// findings are shared between namespaces: one tenant's findings push out nobody else's.
func cutFinding(s *v1alpha1.NodeKillOrderStatus) int {
	last := leastWanted(s.Findings)
	size := sizeOf(s.Findings[last]) + 1
	s.Findings = slices.Delete(slices.Clone(s.Findings), last, last+1)
	return size
}

// leastWanted is the index of the finding that goes first: an Info before all others.
func leastWanted(findings []v1alpha1.Finding) int {
	last := len(findings) - 1
	if findings[last].Severity == v1alpha1.SeverityInfo {
		return last // they are worst first
	}
	return slices.Index(fair.Keep(findings, last, func(f *v1alpha1.Finding) string { return f.Namespace }), false)
}

func cutLimit(s *v1alpha1.NodeKillOrderStatus) int {
	last := len(s.LimitOrder) - 1
	size := sizeOf(s.LimitOrder[last]) + 1
	s.LimitOrder = s.LimitOrder[:last]
	return size
}

// cutKill drops the message of the oldest kill that still has one, but never that of the newest. The kills may be
// those of another status too, so they are copied.
func cutKill(s *v1alpha1.NodeKillOrderStatus) int {
	for i := len(s.Kills) - 1; i > 0; i-- {
		if s.Kills[i].Message != "" {
			size := sizeOf(s.Kills[i])
			s.Kills = slices.Clone(s.Kills)
			s.Kills[i].Message = ""
			return size - sizeOf(s.Kills[i])
		}
	}
	return 0
}

// sizeOf returns the length of the value as JSON, the form in which the API server stores the object.
func sizeOf(v any) int {
	raw, err := json.Marshal(v)
	if err != nil {
		return 0 // plain values of our own API: there is nothing in them that cannot be encoded
	}
	return len(raw)
}
