package node

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	metricsPort = 4443
	// resolution is how often metrics-server reads the kubelet: as often as it can.
	resolution = 10 * time.Second
)

// startMetricsServer runs metrics-server and puts it behind the API server, by way of a Service that is another name
// for this host.
func (n *Node) startMetricsServer(ctx context.Context) error {
	kubeconfig := n.kubeconfig("metrics-server")
	p, err := n.start("metrics-server", n.Programs.MetricsServer,
		"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=4443", "--metric-resolution="+resolution.String(), "--kubelet-request-timeout=8s",
		"--tls-cert-file="+n.path("metrics-server.crt"), "--tls-private-key-file="+n.path("metrics-server.key"),
		"--kubelet-certificate-authority="+n.path("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--kubelet-use-node-status-port")
	if err != nil {
		return err
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "metrics-server", Namespace: "kube-system"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"},
	}
	if _, err := n.Client.CoreV1().Services("kube-system").Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := n.aggregate(ctx); err != nil {
		return err
	}
	return until(ctx, p, 2*time.Minute, n.metricsServed)
}

func (n *Node) aggregate(ctx context.Context) error {
	const name = "v1beta1.metrics.k8s.io"
	object, err := json.Marshal(map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
			"caBundle": n.authority.CertPEM(),
			"service":  map[string]any{"namespace": "kube-system", "name": "metrics-server", "port": metricsPort},
		},
	})
	if err != nil {
		return err
	}
	return n.Client.Discovery().RESTClient().Post().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices").
		Body(object).SetHeader("Content-Type", "application/json").Do(ctx).Error()
}

// metricsServed is nil once the node has figures, for which metrics-server needs two readings.
func (n *Node) metricsServed(ctx context.Context) error {
	data, err := n.Client.Discovery().RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/nodes").Do(ctx).Raw()
	if err != nil {
		return err
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return errors.New("no metrics of the node yet")
	}
	return nil
}
