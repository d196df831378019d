package kernel

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/facts"
)

// TestSnapshotWithoutTheDead: what is left of a reading after a kill, by which a kill is judged that comes before the next reading.
func TestSnapshotWithoutTheDead(t *testing.T) {
	worker, leader, other := &process{}, &process{ordinal: 1}, &process{pod: 1}
	before := snapshot{
		living: []*process{worker, leader, other},
		memory: map[*process]memoryOf{worker: {rss: 30, program: 10}, leader: {rss: 50, program: 10}, other: {rss: 15, program: 10}},
		containers: map[[2]int]facts.ContainerUsage{
			{0, 0}: {RSS: 60, WorkingSet: 70}, {1, 0}: {RSS: 5, WorkingSet: 6},
		},
	}
	for name, c := range map[string]struct {
		dead           []*process
		wantLiving     int
		wantContainers map[[2]int]facts.ContainerUsage
	}{
		"nobody": {nil, 3, before.containers},
		"one of several": {[]*process{worker}, 2, map[[2]int]facts.ContainerUsage{
			{0, 0}: {RSS: 40, WorkingSet: 50}, {1, 0}: {RSS: 5, WorkingSet: 6},
		}},
		"a whole one": {[]*process{other}, 2, map[[2]int]facts.ContainerUsage{{0, 0}: {RSS: 60, WorkingSet: 70}}},
		"all of one":  {[]*process{worker, leader}, 1, map[[2]int]facts.ContainerUsage{{1, 0}: {RSS: 5, WorkingSet: 6}}},
	} {
		t.Run(name, func(t *testing.T) {
			left := before.without(c.dead)
			if len(left.living) != c.wantLiving || len(left.memory) != c.wantLiving {
				t.Errorf("%d live, and the memory of %d is known; want %d", len(left.living), len(left.memory), c.wantLiving)
			}
			if diff := cmp.Diff(c.wantContainers, left.containers); diff != "" {
				t.Errorf("readings of containers (-want +got):\n%s", diff)
			}
			if missed := before.missedBy(left, nil); missed != (len(c.dead) > 0) {
				t.Errorf("a death was missed: %t", missed)
			}
		})
	}
	if !before.missedBy(snapshot{}, errDied) || before.missedBy(snapshot{}, errors.New("no such file")) ||
		(snapshot{}).missedBy(before, errDied) {
		t.Error("a death is missed only if somebody lived before, and a process is dying")
	}
}
