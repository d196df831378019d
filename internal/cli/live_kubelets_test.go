package cli

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

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

// fleet is a cluster of so many nodes with a pod each, of one Deployment. All but the first node have ample memory, and all
// kubelets answer.
func fleet(nodes int) *clustertest.Server {
	s := &clustertest.Server{Metrics: true, Protobuf: true, Version: "v1.37.2", Kubelets: map[string]clustertest.Kubelet{}, Used: map[string]string{}}
	for i := range nodes {
		node, pod := fmt.Sprintf("worker-%03d", i), fmt.Sprintf("web-5d8f9c7b6d-%05d", i)
		s.Nodes = append(s.Nodes, node)
		p := clustertest.PodOn(node, pod, "1Gi")
		p.OwnerReferences, p.UID = clustertest.OwnedBy("ReplicaSet", "web-5d8f9c7b6d"), types.UID(pod)
		p.Labels = map[string]string{"pod-template-hash": "5d8f9c7b6d"}
		s.Pods = append(s.Pods, p)
		s.Kubelets[node] = clustertest.Kubelet{Summary: clustertest.SummaryOf(node, pod), Configz: clustertest.Configz}
		if i > 0 {
			s.Used[node] = "8Gi"
		}
	}
	return s
}

// TestLiveKubeletsOfManyNodes: of many nodes, the kubelets of those in danger are asked, unless all are wanted; no node is read
// by itself.
func TestLiveKubeletsOfManyNodes(t *testing.T) {
	const calm = "note: 100 of 101 kubelets were not asked: their nodes have more than a quarter of their memory left, by metrics.k8s.io. " +
		"There, thresholds are inferred and the kernel's order is estimated (--kubelets all asks all)\n"
	for name, tc := range map[string]struct {
		nodes    int
		args     []string
		noUsage  bool
		want     int
		wantNote string
	}{
		"as many as are asked in any case":       {nodes: 100, args: []string{"rank"}, want: 100},
		"more: the node in danger":               {nodes: 101, args: []string{"rank"}, want: 1, wantNote: calm},
		"more, and all are wanted":               {nodes: 101, args: []string{"rank", "--kubelets", "all"}, want: 101},
		"more, and metrics.k8s.io tells of none": {nodes: 101, args: []string{"rank"}, noUsage: true, want: 101},
		"a workload on all of them":              {nodes: 101, args: []string{"explain", "deployment/web", "-n", "shop"}, want: 1, wantNote: calm},
		"a change of a workload on all of them": {
			nodes: 101, args: []string{"whatif", "deployment/web", "-n", "shop", "--requests", "memory=2Gi"}, want: 1, wantNote: calm,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", t.TempDir()+"/none")
			api := fleet(tc.nodes)
			api.Metrics = !tc.noUsage
			server := httptest.NewServer(api)
			defer server.Close()
			got := run(t, "", append(tc.args, "--server", server.URL)...)
			if got.status != exitFine || got.err != tc.wantNote {
				t.Errorf("exit status %d, notes %q, want %q", got.status, got.err, tc.wantNote)
			}
			kubelets, single := 0, 0
			for _, ask := range api.Asks() {
				if strings.HasSuffix(ask, "/proxy/configz") {
					kubelets++
				} else if strings.Contains(ask, "nodeName") || strings.HasPrefix(ask, "/api/v1/nodes/") && !strings.Contains(ask, "/proxy/") {
					single++
				}
			}
			if kubelets != tc.want || single != 0 {
				t.Errorf("%d kubelets asked, want %d; %d requests for single nodes, want none", kubelets, tc.want, single)
			}
		})
	}
}

// TestWorkloadOnManyNodes: the worst replica comes first, and tables are cut.
func TestWorkloadOnManyNodes(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	server := httptest.NewServer(fleet(101))
	defer server.Close()
	got := run(t, "", "explain", "deployment/web", "-n", "shop", "--server", server.URL)
	for _, want := range []string{"web-5d8f9c7b6d-00000 is ", "of 101 replicas are at risk", "and 91 more replicas (--top 0 shows all)"} {
		if !strings.Contains(strings.Join(strings.Fields(got.out), " "), want) {
			t.Errorf("no %q in:\n%s%s", want, got.out, got.err)
		}
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
