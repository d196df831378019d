package cli

import (
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/clusterread/clustertest"
)

const (
	storyFile    = "testdata/story.yaml"
	evidencePath = "../snapshot/testdata/evidence"
)

// goldens runs command lines and compares what they print, in lines of 100 columns but for commands to paste.
func goldens(t *testing.T, lines map[string][]string) {
	t.Helper()
	for name, args := range lines {
		t.Run(name, func(t *testing.T) {
			got := run(t, "", args...)
			if got.status != exitFine {
				t.Fatalf("exit status %d: %s", got.status, got.err)
			}
			golden(t, filepath.Join("testdata", name+".golden"), got.out+got.err)
			for line := range strings.Lines(got.out) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > table.DefaultWidth && !strings.Contains(line, "kubectl ") {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}

func TestExplainGolden(t *testing.T) {
	goldens(t, map[string][]string{
		"explain-pod":      {"explain", "pod/payments-api-5d8f7c9b64-x2k72", "-f", storyFile},
		"explain-workload": {"explain", "deployment/payments-api", "-n", "shop", "-f", storyFile},
		"explain-limit":    {"explain", "data/data-pipeline-2", "-f", storyFile},
		"explain-exempt":   {"explain", "kube-proxy-dk2f2", "-f", storyFile},
		"explain-evidence": {"explain", "shop/ledger", "-f", evidencePath},
	})
}

func TestExplainForPrograms(t *testing.T) {
	var e kinds.Explanation
	if err := json.Unmarshal([]byte(run(t, "", "explain", "payments-api-5d8f7c9b64-x2k72", "-f", storyFile, "-o", "json").out), &e); err != nil {
		t.Fatal(err)
	}
	got := []any{e.APIVersion, e.Kind, e.Node, e.Eviction.Rank, e.Eviction.Of, e.Eviction.Headroom.String(), e.OOM.Rank, e.OOM.OOMScoreAdj, e.Change.Safe}
	want := []any{kinds.GroupVersion, "Explanation", "worker-2", 1, 5, "184Mi", 1, int32(1000), true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var l kinds.ExplanationList
	if err := json.Unmarshal([]byte(run(t, "", "explain", "deploy/payments-api", "-f", storyFile, "-o", "json").out), &l); err != nil {
		t.Fatal(err)
	}
	if l.Kind != "ExplanationList" || l.Replicas != 3 || l.AtRisk != 3 || len(l.Items) != 3 {
		t.Errorf("%s of %d replicas, %d at risk, %d items", l.Kind, l.Replicas, l.AtRisk, len(l.Items))
	}
}

func TestExplainLive(t *testing.T) {
	elsewhere := clustertest.PodOn("worker-1", "other", "")
	elsewhere.Namespace = "data"
	pods := []*corev1.Pod{
		clustertest.PodOn("worker-1", "web", "100Mi"), elsewhere, clustertest.PodOn("worker-2", "api", "1Gi"), clustertest.PodOn("", "waiting", ""),
	}
	done := clustertest.PodOn("worker-1", "done", "")
	done.Status.Phase = corev1.PodFailed
	pods = append(pods, done)
	const noKubelets = "note: kubelets are read only for those who may get nodes/proxy: ranking by metrics.k8s.io, thresholds are inferred\n"
	for name, tc := range map[string]struct {
		server  *clustertest.Server
		args    []string
		want    string // the first line
		wantErr string
	}{
		"a pod": {
			args: []string{"web", "-n", "shop"}, want: "web is number 2 of 2 to be evicted on worker-1: 924Mi to the first eviction",
			wantErr: noKubelets,
		},
		"in another namespace": {
			args: []string{"pod/other", "-n", "data"}, want: "other is the next to be evicted on worker-1: 924Mi to go", wantErr: noKubelets,
		},
		"without metrics": {
			server: &clustertest.Server{}, args: []string{"other", "-n", "data"},
			want:    "other is the next to be evicted on worker-1: how much memory is left is unknown",
			wantErr: noKubelets + "note: no metrics API (metrics.k8s.io, as of metrics-server) answers here: ranking with usage unknown\n",
		},
		"mistyped": {
			args: []string{"wbe", "-n", "shop"}, wantErr: "error: wbe in namespace \"shop\" not found: did you mean web?\n",
		},
		"waiting for a node": {
			args: []string{"waiting", "-n", "shop"}, wantErr: "error: pod shop/waiting is on no node yet: nothing can kill it\n",
		},
		"finished": {
			args:    []string{"done", "-n", "shop"},
			wantErr: "error: pod shop/done has finished (Failed): nothing can kill it; kubectl killorder diagnose says what did\n",
		},
		"rights in one namespace only": {
			server: &clustertest.Server{Metrics: true, Forbidden: map[string]bool{"/api/v1/pods": true, "/api/v1/nodes/worker-1": true, "/api/v1/namespaces": true}},
			args:   []string{"web", "-n", "shop"}, want: "web on worker-1 uses 200Mi and requests 100Mi; its ranks are unknown",
			wantErr: "note: you may not get nodes: memory and thresholds of node worker-1 are unknown (not here)\n" +
				"note: you may not list pods of all namespaces: who stands before and after is unknown (not here)\n" +
				"note: namespaces' labels could not be read: namespace selectors may not match (not here)\n" + noKubelets,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", t.TempDir()+"/none")
			if tc.server == nil {
				tc.server = &clustertest.Server{Metrics: true}
			}
			tc.server.Nodes, tc.server.Pods = []string{"worker-1", "worker-2"}, pods
			server := httptest.NewServer(tc.server)
			defer server.Close()
			got := run(t, "", append([]string{"explain", "--server", server.URL}, tc.args...)...)
			first, _, _ := strings.Cut(got.out, "\n")
			if diff := cmp.Diff([]string{tc.want, tc.wantErr}, []string{first, got.err}); diff != "" {
				t.Errorf("first line and stderr (-want +got):\n%s", diff)
			}
			for _, ask := range tc.server.Asks() {
				if strings.Contains(ask, "worker-2") || strings.HasSuffix(ask, "/pods/api") {
					t.Errorf("asked for %s", ask)
				}
			}
		})
	}
}

// TestExplainNamesOneFigure: what is left is the same figure in the first sentence and in the sums, however it rounds.
func TestExplainNamesOneFigure(t *testing.T) {
	got := run(t, "", "explain", "-f", "../../examples/story", "-n", "shop", "pod/payments-api-54cdcdd999-xsjqc")
	first := regexp.MustCompile(`: (\S+) to go\n`).FindStringSubmatch(got.out)
	sums := regexp.MustCompile(`it evicts once (\S+) more are used`).FindStringSubmatch(got.out)
	if len(first) != 2 || len(sums) != 2 || first[1] != sums[1] {
		t.Errorf("%q in the first sentence, %q in the sums of:\n%s%s", first, sums, got.out, got.err)
	}
}
