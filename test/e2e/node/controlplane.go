package node

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/killorder/killorder/test/cluster/probe"
	"github.com/killorder/killorder/test/e2e/isolate"
)

const etcdURL = "http://127.0.0.1:2379"

func (n *Node) startEtcd(ctx context.Context) error {
	p, err := n.start("etcd", n.Programs.Etcd,
		"--name=default", "--data-dir="+n.path("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=default=http://127.0.0.1:2380")
	if err != nil {
		return err
	}
	return until(ctx, p, time.Minute, func(ctx context.Context) error { return probe.OK(ctx, etcdURL+"/health") })
}

func (n *Node) startAPIServer(ctx context.Context) (err error) {
	if n.Config, err = clientcmd.BuildConfigFromFlags("", n.Kubeconfig()); err != nil {
		return err
	}
	n.Config.QPS, n.Config.Burst = 100, 200
	if n.Client, err = kubernetes.NewForConfig(n.Config); err != nil {
		return err
	}
	if err := n.writeAuditPolicy(); err != nil {
		return err
	}
	p, err := n.start("kube-apiserver", n.Programs.APIServer, append(n.apiServerFlags(), n.auditFlags()...)...)
	if err != nil {
		return err
	}
	return until(ctx, p, 3*time.Minute, func(ctx context.Context) error {
		if err := n.Client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
			return err
		}
		_, err := n.Client.SchedulingV1().PriorityClasses().Get(ctx, "system-node-critical", metav1.GetOptions{})
		return err
	})
}

func (n *Node) apiServerFlags() []string {
	return []string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=0.0.0.0", "--secure-port=443", "--advertise-address=" + isolate.NodeAddress,
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=" + isolate.ServiceNetwork,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--client-ca-file=" + n.path("ca.crt"),
		"--tls-cert-file=" + n.path("apiserver.crt"), "--tls-private-key-file=" + n.path("apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + n.path("service-account.key"),
		"--service-account-signing-key-file=" + n.path("service-account.key"),
		"--kubelet-certificate-authority=" + n.path("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + n.path("apiserver-kubelet.crt"), "--kubelet-client-key=" + n.path("apiserver-kubelet.key"),
		"--requestheader-client-ca-file=" + n.path("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + n.path("front-proxy.crt"), "--proxy-client-key-file=" + n.path("front-proxy.key"),
		"--shutdown-delay-duration=0s", "--event-ttl=6h", "--profiling=false",
	}
}

// startControllers runs the controller manager and the scheduler, and does not wait until they answer.
func (n *Node) startControllers(context.Context) error {
	_, err := n.start("kube-controller-manager", n.Programs.ControllerManager,
		"--kubeconfig="+n.kubeconfig("controller-manager"), "--use-service-account-credentials",
		"--service-account-private-key-file="+n.path("service-account.key"), "--root-ca-file="+n.path("ca.crt"),
		"--bind-address=127.0.0.1", "--leader-elect=false")
	if err != nil {
		return err
	}
	_, err = n.start("kube-scheduler", n.Programs.Scheduler,
		"--kubeconfig="+n.kubeconfig("scheduler"), "--bind-address=127.0.0.1", "--leader-elect=false")
	return err
}
