package poll_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/poll"
)

// TestPassesWaitForTheFirstOrders: the second pass comes when all nodes are judged, or before readings of the first pass get stale; later
// passes come at their beats.
func TestPassesWaitForTheFirstOrders(t *testing.T) {
	for name, tc := range map[string]struct {
		judged time.Duration // since the start
		maxAge time.Duration
		want   []float64 // when passes end, in seconds
	}{
		"judged at once":                     {0, 3 * time.Minute, []float64{1, 31, 61, 91, 121}},
		"judged later":                       {40 * time.Second, 3 * time.Minute, []float64{1, 41, 61, 91, 121}},
		"judged too late":                    {time.Hour, 3 * time.Minute, []float64{1, 92, 121}},
		"readings are stale after a minute":  {time.Hour, time.Minute, []float64{1, 31, 61, 91, 121}},
		"readings are stale after 2 minutes": {time.Hour, 2 * time.Minute, []float64{1, 47, 61, 91, 121}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, got := time.Now(), []float64(nil)
				r := &poll.Runner{
					Source: nodeByNode{100 * time.Millisecond}, Store: usage.NewStore(keep, time.Now), Interval: 30 * time.Second,
					Metrics: poll.NewMetrics(prometheus.NewRegistry()), Log: logr.Discard(),
					Judged: func() bool { return time.Since(began) >= tc.judged },
					MaxAge: func() time.Duration { return tc.maxAge },
					OnPass: func() { got = append(got, time.Since(began).Seconds()) },
				}
				ctx, cancel := context.WithTimeout(t.Context(), 130*time.Second)
				defer cancel()
				if err := r.Start(ctx); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("passes end (-want +got):\n%s", diff)
				}
			})
		})
	}
}
