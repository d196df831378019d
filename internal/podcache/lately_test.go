package podcache

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestLately: a change counts as late for a minute at least, and for three at most, whoever asks and however seldom.
func TestLately(t *testing.T) {
	for name, tc := range map[string]struct {
		others time.Duration // between changes of other nodes; 0 for none
		after  time.Duration
		want   bool
	}{
		"at once":                            {0, 0, true},
		"within a minute":                    {0, 59 * time.Second, true},
		"within a minute, others change":     {7 * time.Second, 59 * time.Second, true},
		"after two minutes":                  {0, 2 * time.Minute, false},
		"after three minutes, others change": {7 * time.Second, 3 * time.Minute, false},
		"after an hour":                      {0, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l lately
				time.Sleep(time.Hour)
				l.note("n1")
				for left := tc.after; left > 0; {
					step := left
					if tc.others > 0 {
						step = min(tc.others, left)
						l.note("other")
					}
					time.Sleep(step)
					left -= step
				}
				if l.has("n1") != tc.want || l.has("n2") {
					t.Errorf("n1: %t, want %t; n2: %t, want false", l.has("n1"), tc.want, l.has("n2"))
				}
			})
		})
	}
}
