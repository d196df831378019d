package cli

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli/table"
	"github.com/killorder/killorder/internal/clusterread/clustertest"
)

func TestLive(t *testing.T) {
	pods := []*corev1.Pod{clustertest.PodOn("worker-1", "web", "1Gi"), clustertest.PodOn("worker-1", "best-effort", ""), clustertest.PodOn("worker-2", "other", "1Gi")}
	finished := clustertest.PodOn("worker-1", "done", "")
	finished.Status.Phase = corev1.PodSucceeded
	noKubelets := "note: kubelets are read only for those who may get nodes/proxy: ranking by metrics.k8s.io, thresholds are inferred\n"
	absent := noKubelets + "note: no metrics API (metrics.k8s.io, as of metrics-server) answers here: ranking with usage unknown\n"
	for name, tc := range map[string]struct {
		server     *clustertest.Server
		args       []string
		wantOrders []string
		wantErr    string
		wantStatus int
	}{
		"with usage": {
			server:     &clustertest.Server{Nodes: []string{"worker-2", "worker-1"}, Pods: append(pods, finished), Metrics: true},
			wantOrders: []string{"worker-1 MetricsAPI best-effort web", "worker-2 MetricsAPI other"},
			wantErr:    noKubelets,
		},
		"readings of another cluster": {
			server: &clustertest.Server{
				Nodes: []string{"worker-1"}, Pods: pods[:2], Metrics: true, Renamed: true,
			},
			wantOrders: []string{"worker-1 None best-effort web"},
			wantErr: noKubelets + "note: 2 of 2 readings of pods in metrics.k8s.io match none of the pods read here, so they are in no order\n" +
				"note: 1 of 1 readings of nodes in metrics.k8s.io match none of the nodes read here, so they are in no order\n",
		},
		"a pod without a reading": {
			server: &clustertest.Server{
				Nodes: []string{"worker-1"}, Pods: pods[:2], Metrics: true, Unread: "best-effort",
			},
			wantOrders: []string{"worker-1 MetricsAPI best-effort web"},
			wantErr:    noKubelets + "note: 1 running pod has no reading, so its usage is unknown (shop/best-effort)\n",
		},
		"without the metrics API": {
			server:     &clustertest.Server{Nodes: []string{"worker-1"}, Pods: pods},
			wantOrders: []string{"worker-1 None best-effort web"},
			wantErr:    absent,
		},
		"one node": {
			server:     &clustertest.Server{Nodes: []string{"worker-1", "worker-2"}, Pods: pods, Metrics: true},
			args:       []string{"worker-2"},
			wantOrders: []string{"worker-2 MetricsAPI other"},
			wantErr:    noKubelets,
		},
		"one node, with a pod that has no reading": {
			server:     &clustertest.Server{Nodes: []string{"worker-1", "worker-2"}, Pods: pods, Metrics: true, Unread: "best-effort"},
			args:       []string{"worker-1"},
			wantOrders: []string{"worker-1 MetricsAPI best-effort web"},
			wantErr:    noKubelets + "note: 1 running pod has no reading, so its usage is unknown (shop/best-effort)\n",
		},
		"one node, whose kubelet knows a pod that is gone": {
			server: &clustertest.Server{Nodes: []string{"worker-1", "worker-2"}, Pods: pods[2:], Metrics: true, Kubelets: map[string]clustertest.Kubelet{
				"worker-1": {Summary: clustertest.SummaryOf("worker-1", "gone"), Configz: clustertest.Configz},
			}},
			args:       []string{"worker-1"},
			wantOrders: []string{"worker-1 Kubelet"},
			wantErr:    "note: 1 pod has a reading, but is not among the pods read, so it is in no order (shop/gone)\n",
		},
		"an unknown node": {
			server:  &clustertest.Server{Nodes: []string{"worker-1"}, Pods: pods},
			args:    []string{"worker-9"},
			wantErr: "error: node \"worker-9\" not found in the cluster: did you mean worker-1?\n", wantStatus: exitUnreadable,
		},
		"a list that expires": {
			server:     &clustertest.Server{Nodes: []string{"worker-1"}, Pods: pods, Metrics: true, Expire: true},
			wantOrders: []string{"worker-1 MetricsAPI best-effort web"},
			wantErr:    noKubelets,
		},
		"a list at once": {
			server:     &clustertest.Server{Nodes: []string{"worker-2", "worker-1"}, Pods: pods, Metrics: true, Version: "v1.37.2", Protobuf: true},
			wantOrders: []string{"worker-1 MetricsAPI best-effort web", "worker-2 MetricsAPI other"},
			wantErr:    noKubelets,
		},
		"a list at once that is cut short": {
			server: &clustertest.Server{
				Nodes: []string{"worker-2", "worker-1"}, Pods: pods, Metrics: true, Version: "v1.37.2", Protobuf: true, CutShort: true,
			},
			wantOrders: []string{"worker-1 MetricsAPI best-effort web", "worker-2 MetricsAPI other"},
			wantErr:    noKubelets,
		},
		"pods forbidden, all at once": {
			server: &clustertest.Server{
				Nodes: []string{"worker-1"}, Forbidden: map[string]bool{"/api/v1/pods": true}, Metrics: true, Version: "v1.37.2",
			},
			wantErr: "error: pods: not here\n", wantStatus: exitUnreadable,
		},
		"pods forbidden": {
			server:  &clustertest.Server{Nodes: []string{"worker-1"}, Forbidden: map[string]bool{"/api/v1/pods": true}, Metrics: true},
			wantErr: "error: pods: not here\n", wantStatus: exitUnreadable,
		},
		"namespaces and policy forbidden": {
			server: &clustertest.Server{
				Nodes: []string{"worker-1"}, Pods: pods, Metrics: true, Forbidden: map[string]bool{
					"/api/v1/namespaces": true, "/apis/killorder.io/v1alpha1/killorderpolicies/default": true,
				},
			},
			wantOrders: []string{"worker-1 MetricsAPI best-effort web"},
			wantErr: "note: the KillOrderPolicy may not be read: the defaults apply (not here)\n" +
				"note: namespaces' labels could not be read: namespace selectors may not match (not here)\n" + noKubelets,
		},
		"a policy": {
			server: &clustertest.Server{
				Nodes: []string{"worker-1"}, Pods: pods, Metrics: true, Policy: &v1alpha1.KillOrderPolicy{
					Spec: v1alpha1.KillOrderPolicySpec{Critical: v1alpha1.CriticalPolicy{PodSelector: &metav1.LabelSelector{}}},
				},
			},
			wantOrders: []string{"worker-1 MetricsAPI !best-effort !web"},
			wantErr:    noKubelets,
		},
		"no node": {
			server:  &clustertest.Server{Metrics: true},
			wantErr: "error: nodes: the cluster has none\n", wantStatus: exitUnreadable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", t.TempDir()+"/none")
			server := httptest.NewServer(tc.server)
			defer server.Close()
			got := run(t, "", append([]string{"rank", "-o", "json", "--server", server.URL}, tc.args...)...)
			if got.status != tc.wantStatus {
				t.Errorf("exit status %d, want %d", got.status, tc.wantStatus)
			}
			if diff := cmp.Diff(tc.wantErr, got.err); diff != "" {
				t.Errorf("stderr (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantOrders, evictionOrders(t, got.out)); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
		})
	}
}

// evictionOrders lists node, source of usage and pods, critical ones with a mark.
func evictionOrders(t *testing.T, out string) (orders []string) {
	t.Helper()
	items := itemsOf(t, out)
	for i := range items {
		o := &items[i]
		words := []string{o.Name, string(o.Status.Usage.Source)}
		for _, v := range o.Status.EvictionOrder {
			mark := ""
			if v.Critical {
				mark = table.MarkCritical
			}
			words = append(words, mark+v.Pod)
		}
		orders = append(orders, strings.Join(words, " "))
	}
	return orders
}

// itemsOf a List, none where nothing was printed.
func itemsOf(t *testing.T, out string) []v1alpha1.NodeKillOrder {
	t.Helper()
	if out == "" {
		return nil
	}
	var l list
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatal(err)
	}
	return l.Items
}
