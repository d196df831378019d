package cli

import (
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// TestLiveAsksForNoMore: with named nodes, only their pods are read.
func TestLiveAsksForNoMore(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	api := &apiServer{nodes: []string{"worker-1"}, pods: []*corev1.Pod{podOn("worker-1", "web", "1Gi")}, metrics: true}
	server := httptest.NewServer(api)
	defer server.Close()
	if got := run(t, "", "rank", "--server", server.URL, "worker-1"); got.status != exitFine {
		t.Fatal(got.err)
	}
	api.mu.Lock()
	defer api.mu.Unlock()
	for _, ask := range api.asks {
		if strings.HasPrefix(ask, "/api/v1/pods") && !strings.Contains(ask, "fieldSelector=spec.nodeName%3Dworker-1") {
			t.Errorf("asked for %s", ask)
		}
	}
}

// TestLiveKubeletsNotWanted: where the policy wants metrics.k8s.io, kubelets are left alone, as by the operator.
func TestLiveKubeletsNotWanted(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	api := &apiServer{
		nodes: []string{"worker-1"}, pods: []*corev1.Pod{podOn("worker-1", "web", "1Gi")}, metrics: true,
		kubelets: map[string]fakeKubelet{"worker-1": {summaryOf("worker-1", "web"), configzOf}},
		policy: &v1alpha1.KillOrderPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName},
			Spec:       v1alpha1.KillOrderPolicySpec{Usage: v1alpha1.UsagePolicy{Source: v1alpha1.PreferMetricsAPI}},
		},
	}
	server := httptest.NewServer(api)
	defer server.Close()
	if got := run(t, "", "rank", "--server", server.URL); got.status != exitFine || got.err != "" {
		t.Fatal(got)
	}
	for _, ask := range api.asks {
		if strings.Contains(ask, "/proxy/") {
			t.Errorf("asked for %s", ask)
		}
	}
}
