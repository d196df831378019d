// Package metricsserver holds what has to be tested with metrics-server's own
// code, in the module that pins it.
package metricsserver

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/metrics-server/pkg/scraper/client"
	"sigs.k8s.io/metrics-server/pkg/scraper/client/resource"
	"sigs.k8s.io/metrics-server/pkg/storage"
)

// TestDecodeSimulatedKubelet scrapes, with metrics-server's own client, what a
// simulated kubelet answers.
func TestDecodeSimulatedKubelet(t *testing.T) {
	answer, err := os.ReadFile("../../kubelets/testdata/metrics-resource.txt")
	if err != nil {
		t.Fatal(err)
	}
	batch := scrape(t, answer)
	const mib = 1 << 20
	node := batch.Nodes["worker-1"]
	if want := uint64(4019191808); node.MemoryUsage != want || node.CumulativeCPUUsed == 0 {
		t.Errorf("node: %+v, want %d bytes", node, want)
	}
	want := map[string]map[string]uint64{
		"shop/payments-api":               {"log-shipper": 20 * mib, "app": 200 * mib},
		"data/growing":                    {"worker": 1536 * mib},
		"kube-system/kube-proxy-worker-1": {"kube-proxy": 50 * mib},
	}
	if len(batch.Pods) != len(want) {
		t.Errorf("%d pods, want %d", len(batch.Pods), len(want))
	}
	for name, pod := range batch.Pods {
		for container, point := range pod.Containers {
			if have := want[name.String()][container]; point.MemoryUsage != have {
				t.Errorf("%s %s: %d bytes, want %d", name, container, point.MemoryUsage, have)
			}
			if point.StartTime.IsZero() || !point.StartTime.Before(point.Timestamp) {
				t.Errorf("%s %s: started %s, read %s", name, container, point.StartTime, point.Timestamp)
			}
		}
	}
}

func scrape(t *testing.T, answer []byte) *storage.MetricsBatch {
	t.Helper()
	kubelet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(answer) }))
	t.Cleanup(kubelet.Close)
	host, port, err := net.SplitHostPort(kubelet.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	scraper, err := resource.NewForConfig(&client.KubeletClientConfig{
		Client: rest.Config{}, Scheme: "http", UseNodeStatusPort: true,
		AddressTypePriority: []corev1.NodeAddressType{corev1.NodeInternalIP},
	})
	if err != nil {
		t.Fatal(err)
	}
	node := &corev1.Node{}
	node.Name = "worker-1"
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: host}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(number)
	batch, err := scraper.GetMetrics(t.Context(), node)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}
