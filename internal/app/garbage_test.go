package app

import (
	"context"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// percent that is set now.
func percent() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

func TestSpareCollections(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(60)) // neither of the two that are tested
	before := percent()
	for name, tc := range map[string]struct {
		gogc       string
		wantDuring int
	}{
		"nothing is set":    {"", garbageAtFirst},
		"somebody set GOGC": {"77", before},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", tc.gogc)
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began, during := time.Now(), before
				judged := func(context.Context) bool {
					during = percent()
					return time.Since(began) > time.Minute
				}
				if err := spareCollections(judged)(ctx); err != nil || ctx.Err() != nil {
					t.Errorf("error %v, %v", err, ctx.Err())
				}
				if during != tc.wantDuring || percent() != before {
					t.Errorf("%d%% while nodes are judged and %d%% then, want %d%% and %d%%", during, percent(), tc.wantDuring, before)
				}
			})
		})
	}
}
