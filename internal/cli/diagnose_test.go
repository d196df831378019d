package cli

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/cli/kinds"
)

// Deaths of a real node, as captured there.
const deaths = "testdata/kills"

func TestDiagnoseGolden(t *testing.T) {
	for name, args := range map[string][]string{
		"diagnose-limit":    {"-f", deaths + "/01-own-limit", "own-limit-never"},
		"diagnose-repeated": {"-f", deaths + "/01-own-limit", "own-limit", "--top", "1"},
		"diagnose-child":    {"-f", deaths + "/02-child-process", "--top", "3"},
		"diagnose-evicted":  {"-f", deaths + "/05-evicted-hard"},
		"diagnose-rejected": {"-f", deaths + "/08-rejected-under-pressure", "pod/late-be", "-o", "wide"},
		"diagnose-culprit":  {"-f", deaths + "/05-evicted-hard", "-f", "testdata/kills-published.yaml", "be-100"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", append([]string{"diagnose"}, args...)...)
			if got.status != exitFine {
				t.Fatalf("exit status %d: %s", got.status, got.err)
			}
			golden(t, filepath.Join("testdata", name+".golden"), got.out)
			for line := range strings.Lines(got.out) {
				if width := len([]rune(strings.TrimSuffix(line, "\n"))); width > 100 && !strings.HasPrefix(line, "  kubectl") {
					t.Errorf("%d columns: %s", width, line)
				}
			}
		})
	}
}

func TestDiagnoseForPrograms(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want []string
	}{
		"kills only without a name": {
			[]string{deaths + "/02-child-process"},
			[]string{"child-probed ProcessOOM", "child-exit1 ProcessOOM", "child-exit0 ProcessOOM", "child-restarts ProcessOOM", "child-deleted ProcessOOM"},
		},
		"what was no kill, by name": {[]string{deaths + "/08-rejected-under-pressure", "late-be"}, []string{"late-be Rejected"}},
		"what was no kill, with --all": {
			[]string{deaths + "/08-rejected-under-pressure", "--all"}, []string{"late-be Rejected"},
		},
		"another namespace": {[]string{deaths + "/05-evicted-hard", "-n", "shop"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", append([]string{"diagnose", "-o", "json", "-f"}, tc.args...)...)
			var l kinds.DiagnosisList
			if err := json.Unmarshal([]byte(got.out), &l); err != nil || got.status != exitFine {
				t.Fatalf("exit status %d, %v: %s", got.status, err, got.err)
			}
			var said []string
			for _, d := range l.Items {
				said = append(said, d.Pod+" "+string(d.Cause)+d.Reason)
				if d.Killed != (d.Cause != "") || d.Killed == (d.Reason != "") || len(d.Evidence) == 0 || d.Confidence == "" {
					t.Errorf("%s: %+v", d.Pod, d)
				}
			}
			if diff := cmp.Diff(tc.want, said); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A command that people paste holds only what the API server lets a name be, whatever a file says.
func TestDiagnoseNeverPrintsWhatAShellWouldRun(t *testing.T) {
	pod := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"shop","uid":"1","ownerReferences":
[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"$(reboot)","uid":"2","controller":true}]},
"spec":{"nodeName":"w","containers":[{"name":"app","resources":{"limits":{"memory":"64Mi"}}}]},
"status":{"phase":"Running","containerStatuses":[{"name":"app","restartCount":1,"state":{"running":{}},
"lastState":{"terminated":{"reason":"OOMKilled","exitCode":137,"containerID":"containerd://1","finishedAt":"2026-11-28T06:00:00Z"}}}]}}`
	got := run(t, pod, "diagnose", "-f", "-", "x")
	if got.status != exitFine || strings.Contains(got.out, "kubectl") {
		t.Errorf("exit status %d: %s%s", got.status, got.out, got.err)
	}
	got = run(t, strings.ReplaceAll(pod, "$(reboot)", "ledger"), "diagnose", "-f", "-", "x")
	if want := "kubectl set resources statefulset ledger -n shop -c app --limits=memory=80Mi"; !strings.Contains(got.out, want) {
		t.Errorf("no %q in: %s%s", want, got.out, got.err)
	}
}

func TestDiagnoseBadInput(t *testing.T) {
	for name, tc := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"a pod that has not died": {[]string{"diagnose", "-f", deaths + "/08-rejected-under-pressure", "late-bu"}, exitUnreadable, "late-bu"},
		"two names":               {[]string{"diagnose", "a", "b"}, exitUsage, "arg"},
		"no such file":            {[]string{"diagnose", "-f", "testdata/none.json"}, exitUnreadable, "none.json"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", tc.args...)
			if got.status != tc.status || !strings.Contains(got.err, tc.want) || slices.Contains([]string{got.out}, "\x1b") {
				t.Errorf("exit status %d, %q, want %d and %q", got.status, got.err, tc.status, tc.want)
			}
		})
	}
}
