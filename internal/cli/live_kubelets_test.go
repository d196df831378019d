package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
)

// fakeKubelet is what a kubelet answers, a server error if it is empty.
type fakeKubelet struct{ summary, configz string }

func (s *apiServer) review(w http.ResponseWriter, r *http.Request) {
	review := &authorizationv1.SelfSubjectAccessReview{}
	review.Status.Allowed = s.kubelets != nil
	if r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	s.answer(w, "authorization.k8s.io/v1", "SelfSubjectAccessReview", review)
}

// proxy answers as a node's kubelet behind the API server's proxy.
func (s *apiServer) proxy(w http.ResponseWriter, r *http.Request) {
	node, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/nodes/"), "/proxy/")
	answer := ""
	switch k := s.kubelets[node]; {
	case path == "stats/summary" && r.URL.RawQuery == "only_cpu_and_memory=true":
		answer = k.summary
	case path == "configz":
		answer = k.configz
	}
	if answer == "" {
		http.Error(w, "the kubelet does not feel well", http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprint(w, answer)
}

// summaryOf a node of 16Gi with one pod of one container.
func summaryOf(node, pod string) string {
	now := time.Now().UTC().Format(time.RFC3339)
	return fmt.Sprintf(`{"node": {"nodeName": %[1]q, "memory": {"time": %[3]q, "availableBytes": 1073741824, "workingSetBytes": 16106127360},
		"systemContainers": [{"name": "pods", "memory": {"time": %[3]q, "workingSetBytes": 12884901888}}]},
		"pods": [{"podRef": {"name": %[2]q, "namespace": "shop"}, "memory": {"time": %[3]q, "workingSetBytes": 209715200},
		"containers": [{"name": "app", "memory": {"time": %[3]q, "workingSetBytes": 209715200, "rssBytes": 104857600}}]}]}`, node, pod, now)
}

const configzOf = `{"kubeletconfig": {"evictionHard": {"memory.available": "300Mi"}, "kubeReserved": {"memory": "1Gi"},
	"enforceNodeAllocatable": ["pods"], "configMapAndSecretChangeDetectionStrategy": "Watch"}}`

func TestLiveKubelets(t *testing.T) {
	pods := []*corev1.Pod{podOn("worker-1", "web", "1Gi"), podOn("worker-2", "other", "1Gi")}
	well := func(node, pod string) fakeKubelet { return fakeKubelet{summaryOf(node, pod), configzOf} }
	both := map[string]fakeKubelet{"worker-1": well("worker-1", "web"), "worker-2": well("worker-2", "other")}
	for name, tc := range map[string]struct {
		server  *apiServer
		want    []string
		wantErr string
	}{
		"all answer": {
			server: &apiServer{kubelets: both, metrics: true},
			want:   []string{"worker-1 Kubelet 300Mi Kubelet 100Mi", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
		},
		"all answer, and there is no metrics API": {
			server: &apiServer{kubelets: both},
			want:   []string{"worker-1 Kubelet 300Mi Kubelet 100Mi", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
		},
		"one answers, the other's node has usage of metrics.k8s.io": {
			server: &apiServer{kubelets: map[string]fakeKubelet{"worker-2": well("worker-2", "other")}, metrics: true},
			want:   []string{"worker-1 MetricsAPI 100Mi Inferred 200Mi", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
			wantErr: "note: 1 of 2 kubelets could not be read, ranking by metrics.k8s.io there " +
				"(worker-1: an error on the server (\"the kubelet does not feel well\") has prevented the request from succeeding (get nodes worker-1))\n",
		},
		"one answers, and there is no metrics API": {
			server: &apiServer{kubelets: map[string]fakeKubelet{"worker-2": well("worker-2", "other")}},
			want:   []string{"worker-1 None 100Mi Inferred ?", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
			wantErr: "note: 1 of 2 kubelets could not be read, ranking by metrics.k8s.io there " +
				"(worker-1: an error on the server (\"the kubelet does not feel well\") has prevented the request from succeeding (get nodes worker-1))\n" +
				"note: no metrics API (metrics.k8s.io, as of metrics-server) answers here: ranking with usage unknown\n",
		},
		"a configuration that cannot be read": {
			server: &apiServer{kubelets: map[string]fakeKubelet{
				"worker-1": {summaryOf("worker-1", "web"), `{"kubeletconfig": {"evictionHard": {"memory.available": "much"}}}`},
				"worker-2": well("worker-2", "other"),
			}},
			want: []string{"worker-1 Kubelet 100Mi Inferred 100Mi", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
			wantErr: "note: the configuration of 1 of 2 kubelets could not be read, thresholds are inferred there " +
				"(worker-1: evictionHard[memory.available]: \"much\" is not an amount of memory of 0 or more)\n",
		},
		"another node's answer": {
			server: &apiServer{kubelets: map[string]fakeKubelet{
				"worker-1": well("worker-2", "web"), "worker-2": well("worker-2", "other"),
			}, metrics: true},
			want: []string{"worker-1 MetricsAPI 100Mi Inferred 200Mi", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
			wantErr: "note: 1 of 2 kubelets could not be read, ranking by metrics.k8s.io there " +
				"(worker-1: node.nodeName: is worker-2, not worker-1)\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", t.TempDir()+"/none")
			tc.server.nodes, tc.server.pods = []string{"worker-1", "worker-2"}, pods
			server := httptest.NewServer(tc.server)
			defer server.Close()
			got := run(t, "", "rank", "-o", "json", "--server", server.URL)
			if diff := cmp.Diff(tc.wantErr, got.err); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, thresholds(t, got.out)); diff != "" {
				t.Errorf("source, threshold, its source, first usage in the OOM order (-want +got):\n%s", diff)
			}
		})
	}
}

// thresholds lists node, source of usage, threshold with its source, and the usage that the kernel's first victim is
// ranked by.
func thresholds(t *testing.T, out string) (lines []string) {
	t.Helper()
	items := itemsOf(t, out)
	for i := range items {
		o := &items[i]
		m := o.Status.Memory
		usage := "?"
		if u := o.Status.OOMOrder[0].Usage; u != nil {
			usage = u.String()
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s", o.Name, o.Status.Usage.Source, m.EvictionThreshold, m.ThresholdSource, usage))
	}
	return lines
}
