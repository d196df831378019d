package cluster

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// TestKeepLoaded: a cluster that starts with a loaded scenario has the same objects as the one that loaded it, and the API
// server knows where the kubelets answer now.
func TestKeepLoaded(t *testing.T) {
	set := programs(t)
	set.MetricsServer = ""
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	parse := func(text string) *scenario.Model {
		m, err := scenario.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		m.Ran = time.Hour
		return m
	}
	first, again := parse(small), parse(small)
	folder := filepath.Join(t.TempDir(), "loaded")
	if err := KeepLoaded(ctx, Options{Binaries: set, Scenario: first, Progress: t.Output()}, folder); err != nil {
		t.Fatal(err)
	}
	c, err := Start(ctx, Options{Binaries: set, Scenario: again, Loaded: folder, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()

	pods, err := c.Client().CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil || len(pods.Items) != first.Pods {
		t.Fatalf("%d pods, want %d: %v", len(pods.Items), first.Pods, err)
	}
	objects := map[string]string{}
	for i := range pods.Items {
		objects[pods.Items[i].Namespace+"/"+pods.Items[i].Name] = string(pods.Items[i].UID)
	}
	for i, n := range again.Nodes {
		object, err := c.Client().CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if n.UID != string(object.UID) || n.UID != first.Nodes[i].UID {
			t.Errorf("node %s: UID %q in the model, %q of the first one, %q in the API", n.Name, n.UID, first.Nodes[i].UID, object.UID)
		}
		if at := c.kubelets.Address(n); object.Status.DaemonEndpoints.KubeletEndpoint.Port != int32(at.Port()) {
			t.Errorf("node %s: port %d, its kubelet answers at %s", n.Name, object.Status.DaemonEndpoints.KubeletEndpoint.Port, at)
		}
		for j, p := range n.Pods {
			uid := objects[p.Class.Namespace+"/"+p.Name]
			if p.UID != first.Nodes[i].Pods[j].UID || p.Class.Owner != "Node" && p.UID != uid {
				t.Errorf("pod %s: UID %q in the model, %q of the first one, %q in the API", p.Name, p.UID, first.Nodes[i].Pods[j].UID, uid)
			}
		}
	}

	other := parse(strings.Replace(small, "count: 2", "count: 3", 1))
	if c, err := Start(ctx, Options{Binaries: set, Scenario: other, Loaded: folder, Progress: t.Output()}); err == nil {
		c.Stop()
		t.Error("a folder of another scenario was accepted")
	}
}
