package cli

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/cli/kinds"
	"github.com/killorder/killorder/internal/clusterread/clustertest"
)

func TestChangedGolden(t *testing.T) {
	goldens(t, map[string][]string{
		"whatif-manifests": {"whatif", "-f", "testdata/changed.yaml", "-f", storyFile},
	})
}

// manifest of a workload of one container, for sprintf: kind, namespace, name, resources.
const oneContainer = `{"apiVersion": "apps/v1", "kind": %q, "metadata": {"namespace": %q, "name": %q},
  "spec": {"template": {"spec": {"containers": [{"name": %q, "resources": %s}]}}}}`

// TestChangedKinds: what a manifest says becomes of the pods that run under its name, whatever its kind.
func TestChangedKinds(t *testing.T) {
	const pod = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "cart-7b6d9c5d8-9x8v2"},
	  "spec": {"nodeName": "worker-2", "containers": [{"name": "app", "resources": {"requests": {"memory": "64Mi"}}}]}}`
	for name, tc := range map[string]struct {
		manifest string
		want     []string // changes
		pods     int
	}{
		"StatefulSet": {
			manifest: fmt.Sprintf(oneContainer, "StatefulSet", "data", "data-pipeline", "worker", `{"limits": {"memory": "9Gi"}}`),
			want: []string{
				"data/data-pipeline requests.memory 4Gi -> 9Gi", "data/data-pipeline limits.memory 8Gi -> 9Gi",
				"data/data-pipeline requests.memory 8Gi -> 9Gi", "data/data-pipeline requests.memory 12Gi -> 9Gi",
				"data/data-pipeline limits.memory 12Gi -> 9Gi",
			},
			pods: 3,
		},
		"DaemonSet": {
			manifest: fmt.Sprintf(oneContainer, "DaemonSet", "monitoring", "monitoring-agent", "agent", `{"requests": {"memory": "128Mi"}}`),
			want:     []string{"monitoring/monitoring-agent requests.memory 0 -> 128Mi"}, pods: 3,
		},
		"Pod": {manifest: pod, want: []string{"shop/cart requests.memory 512Mi -> 64Mi", "shop/cart limits.memory 512Mi -> none"}, pods: 1},
		"nothing changed": {
			manifest: fmt.Sprintf(oneContainer, "Deployment", "shop", "cart", "app", `{"requests": {"memory": "512Mi"}, "limits": {"memory": "512Mi"}}`),
			pods:     3,
		},
		"a pod's own resources": {
			manifest: `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "cart"}, "spec": {"template": {"spec":
			  {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}, "containers": [{"name": "app"}]}}}}`,
			want: []string{
				"shop/cart requests.memory 512Mi -> 0", "shop/cart limits.memory 512Mi -> none",
				"shop/cart pod requests.memory 512Mi -> 1Gi", "shop/cart pod limits.memory none -> 2Gi",
			},
			pods: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var w kinds.WhatIf
			got := run(t, tc.manifest, "whatif", "-f", "-", "-f", storyFile, "-o", "json")
			if got.status != exitFine || got.err != "" {
				t.Fatalf("exit status %d: %s", got.status, got.err)
			}
			if err := json.Unmarshal([]byte(got.out), &w); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, w.Changes); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if len(w.Pods) != tc.pods {
				t.Errorf("%d pods changed, want %d", len(w.Pods), tc.pods)
			}
			for _, p := range w.Pods {
				if name == "nothing changed" && (p.EvictionRank.Before != p.EvictionRank.After || p.OOMRank.Before != p.OOMRank.After) {
					t.Errorf("%s moves, though nothing has changed: %+v", p.Pod, p)
				}
			}
		})
	}
}

func TestChangedRefuses(t *testing.T) {
	cart := fmt.Sprintf(oneContainer, "Deployment", "shop", "cart", "app", `{}`)
	for name, tc := range map[string]struct {
		manifest string
		args     []string
		want     string
		status   int
	}{
		"nothing of that name": {
			manifest: fmt.Sprintf(oneContainer, "Deployment", "shop", "crat", "app", `{}`),
			want:     "error: deployment/crat in namespace \"shop\" not found: did you mean cart?\n",
		},
		"of another kind": {
			manifest: fmt.Sprintf(oneContainer, "StatefulSet", "shop", "cart", "app", `{}`),
			want:     "error: statefulset/cart in namespace \"shop\" not found, or none of its pods is on a node\n",
		},
		"of another namespace": {
			manifest: fmt.Sprintf(oneContainer, "Deployment", "data", "cart", "app", `{}`),
			want:     "error: deployment/cart in namespace \"data\" not found, but namespace \"shop\" has deployment/cart\n",
		},
		"twice": {
			manifest: cart + "\n---\n" + cart,
			want: "error: standard input:4: Deployment cart is there twice, first at standard input:1: " +
				"only one of them can be what is to run\n",
		},
		"no amount": {
			manifest: fmt.Sprintf(oneContainer, "Deployment", "shop", "cart", "app", `{"requests": {"memory": "lots"}}`),
			want: "error: standard input:1: Deployment cart: spec.template.spec.containers[0].resources.requests.memory: " +
				"\"lots\" is not a quantity such as 200Mi\n",
		},
		"less than nothing": {
			manifest: fmt.Sprintf(oneContainer, "Deployment", "shop", "cart", "app", `{"limits": {"memory": "-1Gi"}}`),
			want:     "error: standard input:1: Deployment cart: spec.template.spec.containers[0].resources.limits.memory: \"-1Gi\" is negative\n",
		},
		"no YAML": {
			manifest: "a: [", want: "error: standard input: line 1: did not find expected node content (a chart's template? helm template renders it)\n",
		},
		"no containers": {
			manifest: `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"}, "spec": {"template": {"spec": {}}}}`,
			want:     "error: standard input:1: Deployment cart: spec.template.spec.containers: missing\n",
		},
		"a request above the limit": {
			manifest: fmt.Sprintf(oneContainer, "Deployment", "shop", "cart", "app", `{"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}`),
			want: "error: pod shop/cart-7b6d9c5d8-9x8v1: the API server would refuse this: " +
				"container app requests 2Gi, more than its limit of 1Gi\n",
		},
		"a class that is not known": {
			manifest: `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart", "namespace": "shop"}, "spec": {"template": {"spec":
			  {"priorityClassName": "business-critica", "containers": [{"name": "app"}]}}}}`,
			want: "error: standard input:2: Deployment cart: PriorityClass \"business-critica\" is not known here: give it with -f too; " +
				"did you mean business-critical?\n",
		},
		"replicas that are none": {
			manifest: `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart", "namespace": "shop"}, "spec": {"replicas": "many",
			  "template": {"spec": {"containers": [{"name": "app"}]}}}}`,
			want: "error: standard input:1: Deployment cart: spec.replicas: \"many\" is not a number of replicas\n",
		},
		"another namespace than asked for": {
			manifest: cart, args: []string{"-n", "data"},
			want: "error: standard input:1: Deployment cart is of namespace \"shop\", and --namespace says \"data\"\n",
		},
		"nothing that makes pods": {
			manifest: `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart"}}`, status: exitUsage,
			want: "error: name a pod or workload and what to change\nSee 'kubectl killorder whatif --help' for usage.\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, tc.manifest, append([]string{"whatif", "-f", "-", "-f", storyFile}, tc.args...)...)
			if diff := cmp.Diff(tc.want, got.err); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if want := max(tc.status, exitUnreadable); got.status != want {
				t.Errorf("exit status %d, want %d", got.status, want)
			}
		})
	}
}

// TestChangedOrSnapshot: a snapshot may be in several files, and none of them is a manifest then.
func TestChangedOrSnapshot(t *testing.T) {
	story, err := os.ReadFile(storyFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	documents := strings.Split(string(story), "\n---\n")
	args := []string{"whatif", "deployment/payments-api", "-n", "shop", "--requests", "memory=480Mi"}
	for i, d := range documents {
		path := filepath.Join(dir, fmt.Sprintf("%d.yaml", i))
		if err := os.WriteFile(path, []byte(d), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-f", path)
	}
	whole := run(t, "", "whatif", "deployment/payments-api", "-n", "shop", "--requests", "memory=480Mi", "-f", storyFile)
	if diff := cmp.Diff(whole, run(t, "", args...), cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("in one file and in %d (-one +several):\n%s", len(documents), diff)
	}
}

// TestChangedLive: what the API server would add to a pod is added; a workload that does not run yet is left out.
func TestChangedLive(t *testing.T) {
	web := clustertest.PodOn("worker-1", "web-7f9c6-abcde", "1Gi")
	web.Labels = map[string]string{"pod-template-hash": "7f9c6"}
	web.OwnerReferences = clustertest.OwnedBy("ReplicaSet", "web-7f9c6")
	web.Spec.Priority = new(int32(500))
	server := httptest.NewServer(&clustertest.Server{
		Nodes: []string{"worker-1"}, Pods: []*corev1.Pod{web}, Metrics: true,
		Classes:        []schedulingv1.PriorityClass{{ObjectMeta: metav1.ObjectMeta{Name: "usual"}, Value: 500, GlobalDefault: true}},
		DefaultRequest: "300Mi",
	})
	defer server.Close()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	manifests := fmt.Sprintf(oneContainer, "Deployment", "shop", "web", "app", `{}`) + "\n---\n" +
		fmt.Sprintf(oneContainer, "Deployment", "shop", "wed", "app", `{}`)
	got := run(t, manifests, "whatif", "-f", "-", "--server", server.URL, "-o", "json")
	var w kinds.WhatIf
	if err := json.Unmarshal([]byte(got.out), &w); err != nil {
		t.Fatalf("exit status %d, %v: %s", got.status, err, got.err)
	}
	if diff := cmp.Diff([]string{"shop/web requests.memory 1Gi -> 300Mi"}, w.Changes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if note := "note: deployment/wed in namespace \"shop\" not found: did you mean web?: left out\n"; !strings.Contains(got.err, note) {
		t.Errorf("stderr is %q, want %q in it", got.err, note)
	}
}
