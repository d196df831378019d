package cluster

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// metricsAPI is where metrics-server answers, seen through the API server.
const metricsAPI = "/apis/metrics.k8s.io/v1beta1"

// startMetrics runs metrics-server, where its program was asked for, and puts
// it behind the API server.
func (c *Cluster) startMetrics(ctx context.Context) error {
	if c.Binaries.MetricsServer == "" {
		return nil
	}
	if err := c.writeKubeconfig("metrics-server.kubeconfig", "metrics-server", "system:masters"); err != nil {
		return err
	}
	return c.StartMetricsServer(ctx)
}

// StartMetricsServer starts the real metrics-server, on a new port, and waits
// until the API server hands requests on to it.
func (c *Cluster) StartMetricsServer(ctx context.Context) error {
	c.control.Lock()
	defer c.control.Unlock()
	if c.Binaries.MetricsServer == "" {
		return errors.New("this cluster was started without metrics-server")
	}
	if c.metricsServer != nil {
		return errors.New("metrics-server is running already")
	}
	start := func(port int) (*process, error) {
		if err := c.aggregate(ctx, port); err != nil {
			return nil, err
		}
		return c.start("metrics-server", c.Binaries.MetricsServer, c.metricsServerFlags(port)...)
	}
	ready := func(p *process, _ int) error {
		return until(ctx, p, 2*time.Minute, "the metrics API is not served", c.metricsAPIServed)
	}
	p, err := onFreePort(start, ready)
	c.metricsServer = p
	return err
}

// StopMetricsServer ends metrics-server; the API stays registered, and fails.
func (c *Cluster) StopMetricsServer() error {
	c.control.Lock()
	defer c.control.Unlock()
	if c.metricsServer == nil {
		return errors.New("metrics-server is not running")
	}
	c.metricsServer.stop(3 * time.Second)
	c.metricsServer = nil
	return nil
}

func (c *Cluster) metricsServerFlags(port int) []string {
	kubeconfig := c.path("metrics-server.kubeconfig")
	return []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + c.path("metrics-server.crt"), "--tls-private-key-file=" + c.path("metrics-server.key"),
		"--kubelet-certificate-authority=" + c.path("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP", "--kubelet-use-node-status-port",
		"--metric-resolution=" + c.Resolution.String(), "--kubelet-request-timeout=" + (c.Resolution * 8 / 10).String(),
	}
}

// aggregate registers the metrics API with the API server, which reaches
// metrics-server by way of a Service that is just another name for this host.
func (c *Cluster) aggregate(ctx context.Context, port int) error {
	objects := strings.NewReplacer(
		"${PORT}", fmt.Sprint(port),
		"${CA}", base64.StdEncoding.EncodeToString(c.authority.CertPEM()),
	).Replace(aggregation)
	var list struct{ Services, APIServices json.RawMessage }
	if err := json.Unmarshal([]byte(objects), &list); err != nil {
		return err
	}
	if err := c.apply(ctx, "/api/v1/namespaces/kube-system/services/metrics-server", list.Services); err != nil {
		return err
	}
	return c.apply(ctx, "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io", list.APIServices)
}

//go:embed aggregation.json
var aggregation string

func (c *Cluster) apply(ctx context.Context, path string, object []byte) error {
	return c.client.Discovery().RESTClient().Patch("application/apply-patch+yaml").AbsPath(path).
		Param("fieldManager", "killorder-test-cluster").Param("force", "true").Body(object).Do(ctx).Error()
}

func (c *Cluster) metricsAPIServed(ctx context.Context) error {
	return c.client.Discovery().RESTClient().Get().AbsPath(metricsAPI).Do(ctx).Error()
}

// WaitForMetrics returns when the metrics API has figures for all nodes.
// metrics-server needs two readings of a node, so this takes a resolution.
func (c *Cluster) WaitForMetrics(ctx context.Context) error {
	if c.Scenario == nil || c.Binaries.MetricsServer == "" {
		return nil
	}
	began := time.Now()
	want := 0
	for _, node := range c.Scenario.Nodes {
		if !node.Class.Kubelet.Unreachable {
			want++
		}
	}
	c.say("waiting for metrics-server's second reading of %d nodes", want)
	err := until(ctx, c.metricsServer, 5*c.Resolution+2*time.Minute, "metrics incomplete", func(ctx context.Context) error {
		return c.metricsOf(ctx, want)
	})
	if err == nil {
		c.say("metrics served for %d nodes after %s", want, since(began))
	}
	return err
}

func (c *Cluster) metricsOf(ctx context.Context, want int) error {
	data, err := c.client.Discovery().RESTClient().Get().AbsPath(metricsAPI + "/nodes").Do(ctx).Raw()
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	if len(list.Items) < want {
		return fmt.Errorf("metrics of %d of %d nodes", len(list.Items), want)
	}
	return nil
}
