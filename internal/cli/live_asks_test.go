package cli

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

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
