package cli

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/cli/kinds"
)

func TestSimulateGolden(t *testing.T) {
	goldens(t, map[string][]string{
		"simulate-kubelet":  {"simulate", "worker-2", "--pressure", "1Gi", "-f", storyFile},
		"simulate-evidence": {"simulate", "vm", "--killer", "both", "--pressure", "22Gi", "-f", "../snapshot/testdata/evidence"},
		"simulate-kernel":   {"simulate", "worker-2", "--killer", "kernel", "--pressure", "9Gi", "-f", storyFile},
		"simulate-both":     {"simulate", "worker-1", "--killer", "both", "--grow", "data/data-pipeline-1=9Gi", "-f", storyFile},
	})
}

func TestSimulateForPrograms(t *testing.T) {
	var s kinds.Simulation
	if err := json.Unmarshal([]byte(run(t, "", "simulate", "worker-2", "--pressure", "1Gi", "-f", storyFile, "-o", "json").out), &s); err != nil {
		t.Fatal(err)
	}
	got := []any{s.Kind, s.Node, s.Killer, len(s.Steps), s.End, s.CriticalLost, s.Steps[0].Pod, s.Steps[0].Frees.String(), s.Steps[0].At}
	want := []any{"Simulation", "worker-2", "kubelet", 3, "Relieved", 2, "payments-api-5d8f7c9b64-x2k72", "200Mi", "0s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSimulateRefuses(t *testing.T) {
	const see = "See 'kubectl killorder simulate --help' for usage.\n"
	for name, tc := range map[string]struct {
		args []string
		want result
	}{
		"no node": {want: result{exitUsage, "", "error: accepts 1 arg(s), received 0\n" + see}},
		"a node mistyped": {
			args: []string{"worker2"},
			want: result{exitUnreadable, "", "error: node \"worker2\" not found among the 3 nodes of the snapshot: did you mean worker-2, worker-1, worker-3?\n"},
		},
		"a killer that is none": {
			args: []string{"worker-2", "--killer", "me"},
			want: result{exitUsage, "", "error: invalid value \"me\" for --killer, must be one of kubelet, kernel, both\n" + see},
		},
		"a pod of another node": {
			args: []string{"worker-2", "--grow", "data-pipeline-1=9Gi"},
			want: result{exitUnreadable, "", "error: on node worker-2: data-pipeline-1 not found: did you mean data-pipeline, data-pipeline-2?\n"},
		},
		"growth without a size": {
			args: []string{"worker-2", "--grow", "data-pipeline-2"},
			want: result{exitUsage, "", "error: invalid value \"data-pipeline-2\" for --grow, must be POD=SIZE\n" + see},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", append([]string{"simulate", "-f", storyFile}, tc.args...)...)
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
