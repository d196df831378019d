package cli

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/snapshot"
)

// captured is what a real node left of deaths, as the objects of a snapshot.
func captured(t *testing.T, scene string) *snapshot.Content {
	t.Helper()
	c := &snapshot.Content{Summaries: map[string][]byte{}, Configs: map[string][]byte{}}
	seen := map[string]bool{}
	paths, err := filepath.Glob(filepath.Join(deaths, scene, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no captures in %s: %v", scene, err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Kind  string
			Items []json.RawMessage
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			t.Fatal(err)
		}
		if list.Items == nil {
			list.Items = []json.RawMessage{raw}
		}
		for _, item := range list.Items {
			addObject(t, c, item, seen)
		}
	}
	return c
}

// addObject adds an object once.
func addObject(t *testing.T, c *snapshot.Content, raw json.RawMessage, seen map[string]bool) {
	t.Helper()
	var meta metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &meta); err != nil {
		t.Fatal(err)
	}
	key := fmt.Sprintf("%s %s/%s", meta.Kind, meta.Namespace, meta.Name)
	if seen[key] {
		return
	}
	seen[key] = true
	var err error
	switch meta.Kind {
	case "Node":
		c.Nodes = append(c.Nodes, corev1.Node{})
		err = json.Unmarshal(raw, &c.Nodes[len(c.Nodes)-1])
	case "Pod":
		c.Pods = append(c.Pods, corev1.Pod{})
		err = json.Unmarshal(raw, &c.Pods[len(c.Pods)-1])
	case "Event":
		c.Events = append(c.Events, corev1.Event{})
		err = json.Unmarshal(raw, &c.Events[len(c.Events)-1])
	}
	if err != nil {
		t.Fatal(err)
	}
}

// verdicts on the deaths of a snapshot, the latest first, without names.
func verdicts(t *testing.T, c *snapshot.Content) (said []string) {
	t.Helper()
	dir := t.TempDir()
	if err := snapshot.Write(c, (&writing{path: dir}).putFile); err != nil {
		t.Fatal(err)
	}
	got := run(t, "", "diagnose", "-f", dir, "--all", "--top", "0", "-o", "json")
	var l kinds.DiagnosisList
	if err := json.Unmarshal([]byte(got.out), &l); err != nil {
		t.Fatalf("%v: %s", err, got.err)
	}
	for i := range l.Items {
		d := &l.Items[i]
		said = append(said, fmt.Sprintf("%s killed %t: %s%s, %s, predicted %t, culprit %t", d.Time.UTC().Format(time.TimeOnly), d.Killed, d.Cause, d.Reason,
			d.Confidence, d.Predicted != nil, d.Culprit != ""))
	}
	return said
}

// TestSnapshotTellsOfDeaths: what diagnose says of the captured deaths, it says of their snapshot, and, but for the names, of the
// redacted snapshot, which holds no name of the original.
func TestSnapshotTellsOfDeaths(t *testing.T) {
	for _, scene := range []string{"01-own-limit", "02-child-process", "05-evicted-hard", "08-rejected-under-pressure"} {
		t.Run(scene, func(t *testing.T) {
			c := captured(t, scene)
			got := run(t, "", "diagnose", "-f", filepath.Join(deaths, scene), "--all", "--top", "0", "-o", "json")
			var direct kinds.DiagnosisList
			if err := json.Unmarshal([]byte(got.out), &direct); err != nil {
				t.Fatal(err)
			}
			want := verdicts(t, c)
			if len(want) != len(direct.Items) || len(want) == 0 {
				t.Errorf("%d deaths in the snapshot, %d in what was captured", len(want), len(direct.Items))
			}
			redacted, err := snapshot.Redact(c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, verdicts(t, redacted)); diff != "" {
				t.Errorf("-as it was +redacted:\n%s", diff)
			}
			raw, err := json.Marshal(redacted)
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.Pods {
				for _, secret := range []string{c.Pods[i].Name, string(c.Pods[i].UID)} {
					if strings.Contains(string(raw), secret) {
						t.Errorf("%s is left", secret)
					}
				}
			}
		})
	}
}

// TestSnapshotOfALiveCluster has the Events and the NodeKillOrders, and rank -f takes the operator's culprit as rank does.
func TestSnapshotOfALiveCluster(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	api := operated(time.Now())
	killed := api.Pods[0].Status.ContainerStatuses
	killed[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
		ExitCode: 137, Reason: "OOMKilled", ContainerID: "containerd://5ec2e7012345", FinishedAt: metav1.NewTime(time.Now().Add(-time.Minute)),
	}
	api.Events = []corev1.Event{{
		ObjectMeta:     metav1.ObjectMeta{Name: "web.1", Namespace: "shop"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "web", UID: "web-uid"}, Reason: "BackOff",
		Message: "Back-off restarting failed container app", FirstTimestamp: metav1.Now(), LastTimestamp: metav1.Now(),
	}}
	api.Orders["worker-1"].Status.Kills = []v1alpha1.Kill{{
		Cause: "ContainerLimit", Namespace: "shop", Pod: "web", UID: "web-uid", Container: "app", Time: metav1.NewTime(time.Now().Add(-time.Minute)),
		Predicted: &v1alpha1.KillPrediction{Killer: v1alpha1.KillerLimit, Rank: 1}, Culprit: "shop/api", WrongVictim: true,
	}}
	server := httptest.NewServer(api)
	defer server.Close()
	for name, flags := range map[string][]string{"as it is": nil, "redacted": {"--redact"}} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "snapshot")
			if got := run(t, "", append([]string{"snapshot", "-o", dir, "--server", server.URL}, flags...)...); got.status != exitFine {
				t.Fatal(got.err)
			}
			if got := run(t, "", "rank", "-f", dir); !strings.Contains(got.out, "grew by 3Gi, as the operator has seen") || got.err != "" {
				t.Errorf("the operator's culprit is lost: %s%s", got.out, got.err)
			}
			got := run(t, "", "diagnose", "-f", dir, "-o", "json")
			var l kinds.DiagnosisList
			if err := json.Unmarshal([]byte(got.out), &l); err != nil {
				t.Fatalf("%v: %s", err, got.err)
			}
			if len(l.Items) != 1 || l.Items[0].Predicted == nil || !l.Items[0].WrongVictim || l.Items[0].Culprit == "" {
				t.Errorf("what was published of the kill is lost: %s", got.out)
			}
		})
	}
}
