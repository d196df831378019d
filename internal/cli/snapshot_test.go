package cli

import (
	"io"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/clusterread/clustertest"
)

// TestSnapshotAnswersAsTheCluster: what -f prints of a snapshot, folder or archive, is what the cluster answered; redacted,
// it is the same but for the names.
func TestSnapshotAnswersAsTheCluster(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	secret := clustertest.PodOn("worker-1", "secret-web", "1Gi")
	secret.Labels = map[string]string{"secret-label": "x"}
	api := &clustertest.Server{
		Nodes: []string{"worker-1"}, Pods: []*corev1.Pod{secret, clustertest.PodOn("worker-1", "secret-api", "")}, Metrics: true,
		Kubelets: map[string]clustertest.Kubelet{"worker-1": {Summary: clustertest.SummaryOf("worker-1", "secret-web"), Configz: clustertest.Configz}},
	}
	server := httptest.NewServer(api)
	defer server.Close()
	live := itemsOf(t, run(t, "", "rank", "--top", "0", "-o", "json", "--server", server.URL).out)
	for name, args := range map[string][]string{"folder": nil, "archive.tar.gz": nil, "redacted": {"--redact"}, "redacted.tgz": {"--redact"}} {
		path := filepath.Join(t.TempDir(), name)
		got := run(t, "", append([]string{"snapshot", "-o", path, "--server", server.URL}, args...)...)
		if want := path + ": 1 nodes, 2 pods\n"; got.status != exitFine || !strings.HasSuffix(got.err, want) {
			t.Fatalf("%s: exit status %d: %s", name, got.status, got.err)
		}
		read := run(t, "", "rank", "--top", "0", "-o", "json", "-f", path)
		kept := itemsOf(t, read.out)
		if len(kept) != 1 {
			t.Fatalf("%s: %s", name, read.err)
		}
		for i := range kept {
			a, b := &live[i].Status, &kept[i].Status
			if args == nil {
				if diff := cmp.Diff([]any{a.EvictionOrder, a.OOMOrder, a.Memory.Headroom.String()}, []any{b.EvictionOrder, b.OOMOrder, b.Memory.Headroom.String()}); diff != "" {
					t.Errorf("%s: -live +snapshot:\n%s", name, diff)
				}
			}
			if len(a.EvictionOrder) != len(b.EvictionOrder) || a.EvictionOrder[0].Request.Cmp(b.EvictionOrder[0].Request) != 0 ||
				a.Memory.Headroom.Cmp(*b.Memory.Headroom) != 0 {
				t.Errorf("%s: another answer than the cluster's", name)
			}
			if args != nil && strings.Contains(read.out, "secret") {
				t.Errorf("%s: a name is left: %s", name, read.out)
			}
		}
	}
}

func TestSnapshotRefuses(t *testing.T) {
	full := t.TempDir()
	if err := replace(filepath.Join(full, "file"), func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if got := run(t, "", "snapshot", "-o", full); got.status != exitUnreadable || !strings.Contains(got.err, "is not empty") {
		t.Errorf("exit status %d: %s", got.status, got.err)
	}
	if got := run(t, "", "snapshot"); got.status != exitUsage {
		t.Errorf("exit status %d: %s", got.status, got.err)
	}
}
