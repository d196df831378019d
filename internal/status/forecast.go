package status

import (
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
)

// timeBounds are the times shown, soonest first.
var timeBounds = []struct {
	within time.Duration
	shown  v1alpha1.TimeBound
}{
	{5 * time.Minute, v1alpha1.Within5Minutes},
	{15 * time.Minute, v1alpha1.Within15Minutes},
	{time.Hour, v1alpha1.WithinAnHour},
	{6 * time.Hour, v1alpha1.Within6Hours},
}

// timeBound returns the bound that is shown for an estimate, "" if there is no estimate or the time is too long. The
// bound shown before stays until the estimate is a quarter beyond one of the bound's edges, because estimates move with
// each reading.
func timeBound(before v1alpha1.TimeBound, estimate time.Duration) v1alpha1.TimeBound {
	if estimate <= 0 {
		return ""
	}
	var edge time.Duration
	for _, b := range timeBounds {
		if b.shown == before && estimate >= edge-edge/4 && estimate < b.within+b.within/4 {
			return before
		}
		edge = b.within
	}
	for _, b := range timeBounds {
		if estimate < b.within {
			return b.shown
		}
	}
	return ""
}
