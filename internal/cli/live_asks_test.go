package cli

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/clusterread/clustertest"
)

// asksOf the API server, by a command line that has nothing to note.
func asksOf(t *testing.T, api *clustertest.Server, args ...string) []string {
	t.Helper()
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	server := httptest.NewServer(api)
	defer server.Close() // waits for all that is being answered
	if got := run(t, "", append([]string{"rank", "--server", server.URL}, args...)...); got.status != exitFine || got.err != "" {
		t.Fatal(got.err)
	}
	return api.Asks()
}

func apiOf(source v1alpha1.UsagePreference) *clustertest.Server {
	return &clustertest.Server{
		Nodes: []string{"worker-1"}, Pods: []*corev1.Pod{clustertest.PodOn("worker-1", "web", "1Gi")}, Metrics: true,
		Kubelets: map[string]clustertest.Kubelet{"worker-1": {Summary: clustertest.SummaryOf("worker-1", "web"), Configz: clustertest.Configz}},
		Policy: &v1alpha1.KillOrderPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName},
			Spec:       v1alpha1.KillOrderPolicySpec{Usage: v1alpha1.UsagePolicy{Source: source}},
		},
	}
}

// TestLiveAsksForNoMore: with named nodes, only their pods are read.
func TestLiveAsksForNoMore(t *testing.T) {
	for _, ask := range asksOf(t, apiOf(v1alpha1.PreferAuto), "worker-1") {
		if strings.HasPrefix(ask, "/api/v1/pods") && !strings.Contains(ask, "fieldSelector=spec.nodeName%3Dworker-1") {
			t.Errorf("asked for %s", ask)
		}
	}
}

// TestPodsAtOnce: API servers that can bear it are asked for all pods at once, older ones for pages.
func TestPodsAtOnce(t *testing.T) {
	for version, want := range map[string][]string{
		"":        {"/api/v1/pods?limit=500", "/api/v1/pods?continue=1&limit=500"},
		"v1.33.9": {"/api/v1/pods?limit=500", "/api/v1/pods?continue=1&limit=500"},
		"v1.34.0": {"/api/v1/pods"},
	} {
		api := apiOf(v1alpha1.PreferAuto)
		api.Version, api.Protobuf = version, true
		api.Pods = append(api.Pods, clustertest.PodOn("worker-1", "done", ""))
		api.Pods[1].Status.Phase = corev1.PodSucceeded
		asks := slices.DeleteFunc(asksOf(t, api), func(ask string) bool { return !strings.HasPrefix(ask, "/api/v1/pods") })
		if diff := cmp.Diff(want, asks); diff != "" {
			t.Errorf("kubelets of version %q (-want +got):\n%s", version, diff)
		}
	}
}

// TestLiveKubeletsWanted: where the policy wants metrics.k8s.io, kubelets are left alone, as by the operator.
func TestLiveKubeletsWanted(t *testing.T) {
	for source, want := range map[v1alpha1.UsagePreference]bool{
		v1alpha1.PreferAuto: true, v1alpha1.PreferKubelet: true, v1alpha1.PreferMetricsAPI: false,
	} {
		asked := slices.ContainsFunc(asksOf(t, apiOf(source)), func(ask string) bool { return strings.Contains(ask, "/proxy/") })
		if asked != want {
			t.Errorf("%s: kubelets asked %t, want %t", source, asked, want)
		}
	}
}

// TestExplainAsksOneNode: the pods and the kubelet of the pod's own node are read, and nothing that grows with the cluster.
func TestExplainAsksOneNode(t *testing.T) {
	api := apiOf(v1alpha1.PreferAuto)
	for i := range 20 {
		node := fmt.Sprintf("other-%d", i)
		api.Nodes = append(api.Nodes, node)
		api.Pods = append(api.Pods, clustertest.PodOn(node, "pod-on-"+node, ""))
		api.Kubelets[node] = clustertest.Kubelet{Summary: clustertest.SummaryOf(node, "pod-on-"+node), Configz: clustertest.Configz}
	}
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	server := httptest.NewServer(api)
	defer server.Close()
	if got := run(t, "", "explain", "pod/web", "-n", "shop", "--server", server.URL); got.status != exitFine {
		t.Fatal(got.err)
	}
	asks := api.Asks()
	want := map[string]int{
		"/api/v1/namespaces/shop/pods/web": 1, "/api/v1/nodes/worker-1": 1,
		"/api/v1/pods?fieldSelector=spec.nodeName%3Dworker-1&limit=500": 1, "/api/v1/namespaces?limit=500": 1,
		"/api/v1/nodes/worker-1/proxy/stats/summary?only_cpu_and_memory=true": 1, "/api/v1/nodes/worker-1/proxy/configz": 1,
		"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": 1,
		"/apis/killorder.io/v1alpha1/killorderpolicies/default":  1,
	}
	got := map[string]int{}
	for _, ask := range asks {
		got[ask]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestReportAsksOnce: the page is made of one reading of everything, with the operator's orders or without them.
func TestReportAsksOnce(t *testing.T) {
	for name, alive := range map[string]bool{"with the operator": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			api := apiOf(v1alpha1.PreferAuto)
			api.Pods = append(api.Pods, clustertest.PodOn("worker-1", "api", ""))
			killed := api.Pods[0].Status.ContainerStatuses
			killed[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
				ExitCode: 137, Reason: "OOMKilled", ContainerID: "containerd://1", FinishedAt: metav1.NewTime(time.Now().Add(-time.Hour)),
			}
			if alive {
				api.Policy.Status.LastPassAt = new(metav1.Now())
				api.Orders = map[string]*v1alpha1.NodeKillOrder{"worker-1": {ObjectMeta: metav1.ObjectMeta{Name: "worker-1"}}}
			}
			t.Setenv("KUBECONFIG", t.TempDir()+"/none")
			server := httptest.NewServer(api)
			defer server.Close()
			got := run(t, "", "report", "-o", "-", "--server", server.URL)
			if got.status != exitFine || !strings.Contains(got.out, "shop/web · app") {
				t.Errorf("exit status %d, or the kill is not on the page: %s", got.status, got.err)
			}
			seen, orders := map[string]int{}, 0
			for _, ask := range api.Asks() {
				if strings.Contains(ask, "nodekillorders") {
					orders++
				}
				if seen[ask]++; seen[ask] > 1 {
					t.Errorf("asked twice for %s", ask)
				}
			}
			if orders != 1 {
				t.Errorf("asked %d times for NodeKillOrders", orders)
			}
		})
	}
}

// TestLiveElsewhere: a name that the namespace does not have is looked for in all others.
func TestLiveElsewhere(t *testing.T) {
	proxy := clustertest.PodOn("worker-1", "kube-proxy-dk2f2", "")
	proxy.OwnerReferences = clustertest.OwnedBy("DaemonSet", "kube-proxy")
	for subject, want := range map[string]string{
		"kube-proxy":           `kube-proxy in namespace "default" not found, but namespace "shop" has daemonset/kube-proxy`,
		"daemonset/kube-proxy": `daemonset/kube-proxy in namespace "default" not found, but namespace "shop" has daemonset/kube-proxy`,
		"kube-proxy-dk2f2":     `kube-proxy-dk2f2 in namespace "default" not found, but namespace "shop" has pod/kube-proxy-dk2f2`,
		"nobody":               `nobody in namespace "default" not found, or none of its pods is on a node`,
	} {
		for _, command := range []string{"explain", "whatif"} {
			t.Setenv("KUBECONFIG", t.TempDir()+"/none")
			server := httptest.NewServer(&clustertest.Server{Nodes: []string{"worker-1"}, Pods: []*corev1.Pod{proxy, clustertest.PodOn("worker-1", "web", "")}})
			args := []string{command, subject, "--server", server.URL}
			if command == "whatif" {
				args = append(args, "--requests", "memory=1Gi")
			}
			if got := run(t, "", args...); got.err != "error: "+want+"\n" || got.status != exitUnreadable {
				t.Errorf("%s %s: exit status %d, %q, want %q", command, subject, got.status, got.err, want)
			}
			server.Close()
		}
	}
}
