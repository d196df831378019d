package usage_test

import (
	"testing"
	"time"

	"github.com/killorder/killorder/internal/facts/factstest"
	"github.com/killorder/killorder/internal/usage"
)

// TestClockThatJumps: whichever way our clock jumps, readers see the first pass whose readings agree with the clock. The
// history is then true, and no reading with a wrong time stays.
func TestClockThatJumps(t *testing.T) {
	for name, tc := range map[string]struct {
		// How far our clock, and the clocks that stamp the readings, jump before the second pass.
		ours, theirs time.Duration
		want         int64 // what web uses after the second pass, 0 for unknown
		wantHistory  int
	}{
		"no clock jumps":                            {0, 0, 2 * mib, 2},
		"all clocks are put back an hour":           {-time.Hour, -time.Hour, 2 * mib, 1},
		"all clocks are put an hour ahead":          {time.Hour, time.Hour, 2 * mib, 1},
		"ours is put back an hour":                  {-time.Hour, 0, 0, 0}, // the new readings seem to be from the future
		"ours is put an hour ahead":                 {time.Hour, 0, 0, 0},
		"theirs are put back an hour":               {0, -time.Hour, mib, 1}, // too old: the last reading stays
		"theirs are put an hour ahead":              {0, time.Hour, mib, 1},
		"ours is put back half a minute":            {-30 * time.Second, -30 * time.Second, mib, 1}, // the newer reading stays
		"all clocks are put back a minute and more": {-3 * time.Minute, -3 * time.Minute, 2 * mib, 1},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &fakeClock{now: start}
			store := usage.NewStore(keep, clock.Now)
			read := func(at time.Time, workingSet int64) {
				pass := store.Begin()
				pass.Pod(reading("web", at, workingSet))
				pass.Node("worker-1", nodeReading(at, workingSet))
				pass.Commit()
			}
			theirs := start
			read(theirs, mib)
			const step = 80 * time.Second
			clock.now, theirs = clock.now.Add(tc.ours+step), theirs.Add(tc.theirs+step)
			if tc.ours == -30*time.Second {
				clock.now, theirs = clock.now.Add(-step), theirs.Add(-step)
			}
			read(theirs, 2*mib)
			pod, hasPod := store.Pod("shop", "web")
			node, hasNode := store.Node("worker-1")
			if hasPod != (tc.want != 0) || hasNode != hasPod || pod.WorkingSet != tc.want || node.WorkingSet != tc.want {
				t.Errorf("pod %t %+v, node %t %+v; want %d bytes", hasPod, pod, hasNode, node, tc.want)
			}
			if len(pod.History) != tc.wantHistory {
				t.Errorf("history %v; want %d samples", pod.History, tc.wantHistory)
			}
			clock.now, theirs = start.Add(10*time.Minute), start.Add(10*time.Minute) // all clocks are right again
			read(theirs, 3*mib)
			if pod, _ := store.Pod("shop", "web"); pod.WorkingSet != 3*mib || !pod.ObservedAt.Equal(theirs) {
				t.Errorf("after all clocks are right again: %+v", pod)
			}
			for i := 1; i < len(pod.History); i++ {
				if pod.History[i].At <= pod.History[i-1].At {
					t.Errorf("a history that runs backwards: %v", pod.History)
				}
			}
		})
	}
}

// TestRepeatedReadings: a source that lists one pod without end takes no memory without end.
func TestRepeatedReadings(t *testing.T) {
	store := usage.NewStore(keep, func() time.Time { return start })
	pass := store.Begin()
	const times = 100_000
	before := factstest.Heap()
	for range times {
		pass.Pod(reading("web", start, mib))
	}
	grown := int64(factstest.Heap()) - int64(before)
	if result := pass.Commit(); result.Pods != 1 || result.Dropped[usage.DropRepeated] < times-2000 || grown > 512<<10 {
		t.Errorf("%+v, %d bytes", result, grown)
	}
}
