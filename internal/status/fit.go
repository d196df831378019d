package status

import (
	"encoding/json"

	"github.com/killorder/killorder/api/v1alpha1"
)

const (
	// maxStatus, in bytes of JSON, keeps a stored object under 10 kB: etcd and the API server's caches hold one object
	// per node. The rest of the 10 kB is for metadata and managedFields.
	maxStatus = 8_300
	// keepFindings and keepLimits are the lengths under which one list is cut only when the other cannot be cut either.
	keepFindings, keepLimits = 4, 2
)

// fit cuts the ends of findings and limitOrder until the status is small enough. Nothing important is lost: both lists
// are sorted worst first, and summary counts every finding.
func fit(s *v1alpha1.NodeKillOrderStatus) {
	for size := sizeOf(s); size > maxStatus; {
		switch f, l := len(s.Findings), len(s.LimitOrder); {
		case f > keepFindings || (f > 0 && l <= keepLimits):
			size -= sizeOf(s.Findings[f-1]) + 1
			s.Findings = s.Findings[:f-1]
		case l > keepLimits:
			size -= sizeOf(s.LimitOrder[l-1]) + 1
			s.LimitOrder = s.LimitOrder[:l-1]
		default:
			return // the orders themselves are what the object is for
		}
	}
}

// sizeOf returns the length of the value as JSON, the form in which the API server stores the object.
func sizeOf(v any) int {
	raw, err := json.Marshal(v)
	if err != nil {
		return 0 // plain values of our own API: there is nothing in them that cannot be encoded
	}
	return len(raw)
}
