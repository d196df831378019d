package clusterread

import (
	"context"
	"fmt"
	"time"

	"github.com/killorder/killorder/internal/usage"
)

// readUsage makes one pass over metrics.k8s.io. Without it, everything is ranked with usage unknown.
func (c *cluster) readUsage(ctx context.Context) (notes []string) {
	store := usage.NewStore(keepReadings, time.Now)
	pass := store.Begin()
	failures := c.metrics.Read(ctx, pass)
	result := pass.Commit()
	c.snapshot.Metrics, c.readings = store, store
	for _, f := range failures {
		if note := usageNote(f); note != "" {
			notes = append(notes, note)
		}
	}
	if len(failures) > 1 && failures[0].Cause == failures[1].Cause {
		notes = notes[:1] // the same for pods and nodes
	}
	if n := dropped(result.Dropped); n > 0 {
		notes = append(notes, fmt.Sprintf("%d readings of metrics.k8s.io that cannot be used left out", n))
	}
	return notes
}

func usageNote(f usage.Failure) string {
	switch f.Cause {
	case usage.FailedPartial:
		return "" // comes on top of another
	case usage.FailedAbsent:
		return absentNote
	case usage.FailedForbidden:
		return fmt.Sprintf("reading usage of %s is forbidden: ranking with it unknown (%v)", f.Of, f.Err)
	}
	return fmt.Sprintf("usage of %s could not be read: ranking with it unknown (%v)", f.Of, f.Err)
}

func dropped(byCause map[usage.DropCause]int) (sum int) {
	for _, n := range byCause {
		sum += n
	}
	return sum
}

const absentNote = "no metrics API (metrics.k8s.io, as of metrics-server) answers here: ranking with usage unknown"
