package snapshot_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/snapshot"
)

// testdata/evidence was captured from a real node and trimmed to what is read; the expected oom_score_adj are
// what that node's kubelet asked its container runtime for.
func TestEvidence(t *testing.T) {
	s, err := readAll(t, "", "testdata/evidence")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Notes) > 0 {
		t.Errorf("unexpected notes: %q", s.Notes)
	}
	v := evaluate(s)[0]
	if diff := cmp.Diff(askedByKubelet(t), adjustments(v.OOM)); diff != "" {
		t.Errorf("oom_score_adj (-asked by the kubelet +ours):\n%s", diff)
	}
	if want := time.Date(2026, 11, 24, 6, 35, 39, 0, time.UTC); !s.Now.Equal(want) {
		t.Errorf("Now = %s, want the newest reading's time %s", s.Now, want)
	}
	if v.Freshness != engine.Fresh || v.Missing != 0 {
		t.Errorf("freshness %d with %d missing, want fresh and complete", v.Freshness, v.Missing)
	}
	wantUsage := facts.NodeUsage{
		Source: facts.SourceKubelet, WorkingSet: 1921437696, RSS: 1268723712, PodsWorkingSet: 897466368, Available: 23355064320,
		ObservedAt: time.Date(2026, 11, 24, 6, 35, 22, 0, time.UTC), MeasuredAt: time.Date(2026, 11, 24, 6, 35, 32, 0, time.UTC),
	}
	if diff := cmp.Diff(wantUsage, v.Node.Usage); diff != "" {
		t.Errorf("node usage (-want +got):\n%s", diff)
	}
	wantConfig := &facts.KubeletConfig{EvictionHard: facts.Threshold{Set: true, Bytes: 500 << 20}, PodsEnforced: true}
	if diff := cmp.Diff(wantConfig, v.Node.Config); diff != "" {
		t.Errorf("kubelet configuration (-want +got):\n%s", diff)
	}
}

// evaluate judges every node of a snapshot.
func evaluate(s *snapshot.Snapshot) []engine.Verdict {
	verdicts := make([]engine.Verdict, 0, len(s.Nodes))
	for i := range s.Nodes {
		n := s.Nodes[i]
		extract.Attach(&n, s.PodsOf(n.Name), s.ReadingsOf(n.Name), s.Policy, s.NamespaceLabels)
		verdicts = append(verdicts, engine.Evaluate(&n, &s.Policy.Policy, s.Now))
	}
	return verdicts
}

func adjustments(order []oom.Victim) (lines []string) {
	for i := range order {
		lines = append(lines, fmt.Sprintf("%s %s %d", order[i].Name, order[i].ContainerName(), order[i].Adj))
	}
	slices.Sort(lines)
	return lines
}

// askedByKubelet reads lines such as `pod/web ["main",979]` and `node-agent -997`, as POD CONTAINER ADJ.
func askedByKubelet(t *testing.T) (lines []string) {
	t.Helper()
	content, err := os.ReadFile("testdata/2-oom-adj-asked-by-kubelet.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "pod/")), " ")
		if container, adj, ok := strings.Cut(strings.Trim(rest, "[]"), ","); ok {
			rest = strings.Trim(container, `"`) + " " + adj
		} else {
			rest = "main " + rest
		}
		lines = append(lines, name+" "+rest)
	}
	slices.Sort(lines)
	return lines
}
