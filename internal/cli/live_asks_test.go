package cli

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

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
