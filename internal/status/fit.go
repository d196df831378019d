package status

import (
	"encoding/json"

	"github.com/killorder/killorder/api/v1alpha1"
)

const (
	// maxStatus keeps a stored object under 10 kB: etcd and the API server's caches hold one per node. What is left
	// over is for metadata and managedFields.
	maxStatus = 8_300
	// keepFindings and keepLimits are what is kept of each list as long as the other can give way.
	keepFindings, keepLimits = 4, 2
)

// fit cuts the least important ends of the lists until the status is small enough: findings are sorted worst
// first, and summary counts all of them.
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

// sizeOf is the length of the value as JSON, which is how an object is stored.
func sizeOf(v any) int {
	raw, err := json.Marshal(v)
	if err != nil {
		return 0 // plain values of our own API: there is nothing in them that cannot be encoded
	}
	return len(raw)
}
