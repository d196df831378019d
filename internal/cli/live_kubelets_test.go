package cli

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/clusterread/clustertest"
)

func TestLiveKubelets(t *testing.T) {
	pods := []*corev1.Pod{clustertest.PodOn("worker-1", "web", "1Gi"), clustertest.PodOn("worker-2", "other", "1Gi")}
	well := func(node, pod string) clustertest.Kubelet {
		return clustertest.Kubelet{Summary: clustertest.SummaryOf(node, pod), Configz: clustertest.Configz}
	}
	both := map[string]clustertest.Kubelet{"worker-1": well("worker-1", "web"), "worker-2": well("worker-2", "other")}
	for name, tc := range map[string]struct {
		server  *clustertest.Server
		want    []string
		wantErr string
	}{
		"all answer": {
			server: &clustertest.Server{Kubelets: both, Metrics: true},
			want:   []string{"worker-1 Kubelet 300Mi Kubelet 100Mi", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
		},
		"all answer, and there is no metrics API": {
			server: &clustertest.Server{Kubelets: both},
			want:   []string{"worker-1 Kubelet 300Mi Kubelet 100Mi", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
		},
		"one answers, the other's node has usage of metrics.k8s.io": {
			server: &clustertest.Server{Kubelets: map[string]clustertest.Kubelet{"worker-2": well("worker-2", "other")}, Metrics: true},
			want:   []string{"worker-1 MetricsAPI 100Mi Inferred 200Mi", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
			wantErr: "note: 1 of 2 kubelets could not be read, ranking by metrics.k8s.io there " +
				"(worker-1: an error on the server (\"the kubelet does not feel well\") has prevented the request from succeeding (get nodes worker-1))\n",
		},
		"one answers, and there is no metrics API": {
			server: &clustertest.Server{Kubelets: map[string]clustertest.Kubelet{"worker-2": well("worker-2", "other")}},
			want:   []string{"worker-1 None 100Mi Inferred ?", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
			wantErr: "note: 1 of 2 kubelets could not be read, ranking by metrics.k8s.io there " +
				"(worker-1: an error on the server (\"the kubelet does not feel well\") has prevented the request from succeeding (get nodes worker-1))\n" +
				"note: no metrics API (metrics.k8s.io, as of metrics-server) answers here: ranking with usage unknown\n",
		},
		"a configuration that cannot be read": {
			server: &clustertest.Server{Kubelets: map[string]clustertest.Kubelet{
				"worker-1": {Summary: clustertest.SummaryOf("worker-1", "web"), Configz: `{"kubeletconfig": {"evictionHard": {"memory.available": "much"}}}`},
				"worker-2": well("worker-2", "other"),
			}},
			want: []string{"worker-1 Kubelet 100Mi Inferred 100Mi", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
			wantErr: "note: the configuration of 1 of 2 kubelets could not be read, thresholds are inferred there " +
				"(worker-1: evictionHard[memory.available]: \"much\" is not an amount of memory of 0 or more)\n",
		},
		"another node's answer": {
			server: &clustertest.Server{Kubelets: map[string]clustertest.Kubelet{
				"worker-1": well("worker-2", "web"), "worker-2": well("worker-2", "other"),
			}, Metrics: true},
			want: []string{"worker-1 MetricsAPI 100Mi Inferred 200Mi", "worker-2 Kubelet 300Mi Kubelet 100Mi"},
			wantErr: "note: 1 of 2 kubelets could not be read, ranking by metrics.k8s.io there " +
				"(worker-1: node.nodeName: is worker-2, not worker-1)\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", t.TempDir()+"/none")
			tc.server.Nodes, tc.server.Pods = []string{"worker-1", "worker-2"}, pods
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
