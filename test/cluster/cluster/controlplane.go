package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/test/cluster/probe"
)

// attempts is how often a server is started, each time on another port: another
// process may take a port between FreePort and the server's start.
const attempts = 3

// etcdData is the folder of etcd's data, in the cluster's folder and in that of KeepLoaded.
const etcdData = "etcd"

// onFreePort starts a server until it listens.
func onFreePort(start func(port int) (*process, error), ready func(*process, int) error) (p *process, failed error) {
	for range attempts {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		if p, err = start(port); err != nil {
			return nil, err
		}
		if failed = ready(p, port); failed == nil {
			return p, nil
		}
		retry := p.ended()
		p.stop(time.Second)
		if !retry {
			break
		}
	}
	return nil, failed
}

func (c *Cluster) startEtcd(ctx context.Context) error {
	if c.Loaded != "" {
		if err := os.CopyFS(c.path(etcdData), os.DirFS(filepath.Join(c.Loaded, etcdData))); err != nil {
			return fmt.Errorf("starting from the loaded scenario in %s: %w", c.Loaded, err)
		}
	}
	start := func(port int) (*process, error) {
		c.etcdPort = port
		return c.runEtcd()
	}
	p, err := onFreePort(start, func(p *process, _ int) error { return c.etcdHealthy(ctx, p) })
	c.setRunning(&c.etcd, p)
	return err
}

// runEtcd keeps etcd's data in the cluster's folder and never syncs the data to
// disk: Stop deletes the folder.
func (c *Cluster) runEtcd() (*process, error) {
	url := fmt.Sprintf("http://127.0.0.1:%d", c.etcdPort)
	peer, err := FreePort()
	if err != nil {
		return nil, err
	}
	peerURL := fmt.Sprintf("http://127.0.0.1:%d", peer)
	return c.start("etcd", c.Binaries.Etcd,
		"--name=default", "--data-dir="+c.path(etcdData), "--unsafe-no-fsync",
		"--listen-client-urls="+url, "--advertise-client-urls="+url,
		"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=default="+peerURL,
		"--quota-backend-bytes=8589934592", "--log-level=warn")
}

func (c *Cluster) etcdHealthy(ctx context.Context, p *process) error {
	return until(ctx, p, 2*time.Minute, "etcd not healthy", func(ctx context.Context) error {
		return probe.OK(ctx, fmt.Sprintf("http://127.0.0.1:%d/health", c.etcdPort))
	})
}

// startAPIServer runs kube-apiserver and writes the administrator's kubeconfig.
func (c *Cluster) startAPIServer(ctx context.Context) error {
	began := time.Now()
	start := func(port int) (*process, error) {
		c.apiserverPort = port
		if err := c.writeKubeconfig("kubeconfig", "admin", "system:masters"); err != nil {
			return nil, err
		}
		if err := c.connect(); err != nil {
			return nil, err
		}
		return c.runAPIServer()
	}
	p, err := onFreePort(start, func(p *process, _ int) error { return c.apiServerAnswers(ctx, p) })
	c.setRunning(&c.apiserver, p)
	if err == nil {
		c.say("kube-apiserver ready in %s", since(began))
	}
	return err
}

func (c *Cluster) runAPIServer() (*process, error) {
	return c.start("kube-apiserver", c.Binaries.APIServer, c.apiServerFlags(c.apiserverPort)...)
}

func (c *Cluster) apiServerAnswers(ctx context.Context, p *process) error {
	return until(ctx, p, 2*time.Minute, "kube-apiserver not ready", c.apiServerReady)
}

// apiServerReady also waits for the objects that the API server creates at its
// start, because scenarios rely on them.
func (c *Cluster) apiServerReady(ctx context.Context) error {
	if err := c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return err
	}
	for _, namespace := range []string{"default", "kube-system"} {
		if _, err := c.client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{}); err != nil {
			return err
		}
	}
	_, err := c.client.SchedulingV1().PriorityClasses().Get(ctx, "system-node-critical", metav1.GetOptions{})
	return err
}

// apiServerFlags leave out two admission plugins whose controllers do not run:
// no service account would ever exist for a pod, and no node would ever lose
// the taint that new nodes get.
func (c *Cluster) apiServerFlags(port int) []string {
	return append([]string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", c.etcdPort),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
		"--client-ca-file=" + c.path("ca.crt"),
		"--tls-cert-file=" + c.path("apiserver.crt"), "--tls-private-key-file=" + c.path("apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path("service-account.key"),
		"--service-account-signing-key-file=" + c.path("service-account.key"),
		"--kubelet-certificate-authority=" + c.path("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + c.path("apiserver-kubelet.crt"), "--kubelet-client-key=" + c.path("apiserver-kubelet.key"),
		"--requestheader-client-ca-file=" + c.path("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.path("front-proxy.crt"), "--proxy-client-key-file=" + c.path("front-proxy.key"),
		"--shutdown-delay-duration=0s", "--profiling=false",
	}, c.APIServerFlags...)
}
