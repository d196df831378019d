package engine_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	. "github.com/killorder/killorder/internal/facts/factstest"
)

// story is a 16 GiB node where data-pipeline has grown to 8 GiB, payments-api never set a request, and something
// outside of the pods has taken what was left.
func story(pipelineRequest int64) *engine.Verdict {
	n := Node(16*GiB,
		Pod("payments-api").Running(0, 200*MiB).Critical(),
		Pod("data-pipeline").Running(pipelineRequest, 8*GiB).Growth(4*GiB),
		Pod("monitoring-agent").Running(0, 100*MiB),
	)
	n.Allocatable -= 100 * MiB
	n.Usage.WorkingSet = n.Capacity - 500*MiB
	v := engine.Evaluate(n, Policy(), Now)
	return &v
}

// TestStory: the larger data-pipeline's request, the better it is shielded, and payments-api dies for it. Badness in
// GiB is memory plus adj thousandths of 16: 0.2+16 for payments-api, 8 plus 12, 8 or 4 for data-pipeline.
func TestStory(t *testing.T) {
	cases := map[string]struct {
		request      int64
		wantEviction []string
		wantOOM      []string
		wantWrong    bool
	}{
		"requests 4 GiB: the culprit dies": {
			request:      4 * GiB,
			wantEviction: []string{"data-pipeline", "payments-api", "monitoring-agent"},
			wantOOM:      []string{"data-pipeline 750 20.0", "payments-api 1000 16.2", "monitoring-agent 1000 16.1"},
		},
		"requests 8 GiB: payments-api dies": {
			request:      8 * GiB,
			wantEviction: []string{"payments-api", "monitoring-agent", "data-pipeline"},
			wantOOM:      []string{"payments-api 1000 16.2", "monitoring-agent 1000 16.1", "data-pipeline 500 16.0"},
			wantWrong:    true,
		},
		"requests 12 GiB: payments-api dies by far": {
			request:      12 * GiB,
			wantEviction: []string{"payments-api", "monitoring-agent", "data-pipeline"},
			wantOOM:      []string{"payments-api 1000 16.2", "monitoring-agent 1000 16.1", "data-pipeline 250 12.0"},
			wantWrong:    true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v := story(tc.request)
			var eviction, oom []string
			for _, e := range v.Eviction {
				eviction = append(eviction, e.Name)
			}
			for _, o := range v.OOM {
				oom = append(oom, fmt.Sprintf("%s %d %.1f", o.Name, o.Adj, float64(o.Badness)/float64(GiB)))
			}
			if diff := cmp.Diff(tc.wantEviction, eviction); diff != "" {
				t.Errorf("eviction order (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantOOM, oom); diff != "" {
				t.Errorf("kernel's order, adj and badness in GiB (-want +got):\n%s", diff)
			}
			if v.Culprit.PodState == nil || v.Culprit.Name != "data-pipeline" || !v.Culprit.Grew || v.Culprit.Amount != 4*GiB {
				t.Errorf("culprit %+v; want data-pipeline, grown by 4 GiB", v.Culprit)
			}
			if o := v.Outlook; o.WrongVictim != tc.wantWrong || !o.NearerIsLow || !o.CriticalAtRisk || o.CriticalPods != 1 {
				t.Errorf("outlook %+v; want wrong victim %t and payments-api at risk", o, tc.wantWrong)
			}
			next := v.Outlook.Next
			if next.Killer != engine.Eviction || next.Victim.Name != tc.wantEviction[0] || next.Headroom != 400*MiB {
				t.Errorf("next is killer %d of %s with %d left; want eviction", next.Killer, next.Victim.Name, next.Headroom)
			}
		})
	}
}
