package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// limited is a running container with a limit.
func limited(name string, limit int64) facts.Container {
	return facts.Container{Name: name, Running: true, Limit: limit}
}

func TestLimitOrder(t *testing.T) {
	podLimit := func(limit int64) func(*facts.Pod) { return func(p *facts.Pod) { p.Limit = limit } }
	cases := map[string]struct {
		pods []*PodBuilder
		want []string
	}{
		"larger share first, not less left": {
			[]*PodBuilder{
				Pod("small").Container(limited("app", 100*MiB), 50*MiB).WorkingSet(50 * MiB),
				Pod("big").Container(limited("app", 10*GiB), 9*GiB).WorkingSet(9 * GiB),
			},
			[]string{"big/app 90%", "small/app 50%"},
		},
		"a pod-level limit against the pod's working set": {
			[]*PodBuilder{
				Pod("p").Container(limited("app", 4*GiB), GiB).Container(facts.Container{Name: "free", Running: true}, 2*GiB).
					WorkingSet(3 * GiB).Edit(podLimit(4 * GiB)),
			},
			[]string{"p/ 75%", "p/app 25%"},
		},
		"only what runs, has a limit and a reading": {
			[]*PodBuilder{
				Pod("waiting").Container(facts.Container{Name: "app", Limit: GiB}, GiB).WorkingSet(GiB),
				Pod("unread").Container(limited("app", GiB), facts.Unknown).Edit(podLimit(GiB)),
				Pod("no-limit").Running(0, GiB),
				Pod("read").Container(limited("app", GiB), 0).WorkingSet(0),
			},
			[]string{"read/app 0%"},
		},
		"equal shares by name, the pod before its containers": {
			[]*PodBuilder{
				Pod("b").Container(limited("app", 2*GiB), GiB).WorkingSet(GiB),
				Pod("a").Container(limited("z", 4*GiB), 2*GiB).Container(limited("a", 6*GiB), 3*GiB).WorkingSet(5 * GiB).Edit(podLimit(10 * GiB)),
			},
			[]string{"a/ 50%", "a/z 50%", "a/a 50%", "b/app 50%"},
		},
		"shares that differ in the last byte": { // and are one float64
			[]*PodBuilder{
				Pod("a").Container(limited("app", facts.MaxBytes), facts.MaxBytes-2).WorkingSet(facts.MaxBytes - 2),
				Pod("b").Container(limited("app", facts.MaxBytes-1), facts.MaxBytes-2).WorkingSet(facts.MaxBytes - 2),
			},
			[]string{"b/app 99%", "a/app 99%"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, l := range engine.Evaluate(Node(0, tc.pods...), Policy(), Now).Limits {
				got = append(got, fmt.Sprintf("%s/%s %d%%", l.Name, l.ContainerName(), l.Percent()))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("limit order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAtLimit(t *testing.T) {
	cases := map[string]struct {
		usage, limit int64
		wantPercent  int
		wantHeadroom int64
	}{
		"nothing used":                     {0, 100, 0, 100},
		"29 of 100 is 29, not 28.999":      {29, 100, 29, 71},
		"rounded down":                     {299, 1000, 29, 701},
		"all used":                         {100, 100, 100, 0},
		"a reading of more than the limit": {150, 100, 150, 0},
		"absurd amounts do not overflow":   {facts.MaxBytes, facts.MaxBytes, 100, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := engine.AtLimit{Usage: tc.usage, Limit: tc.limit}
			if a.Percent() != tc.wantPercent || a.Headroom() != tc.wantHeadroom {
				t.Errorf("%d%%, %d left; want %d%%, %d", a.Percent(), a.Headroom(), tc.wantPercent, tc.wantHeadroom)
			}
		})
	}
}
