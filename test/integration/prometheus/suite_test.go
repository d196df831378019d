package prometheus

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/test/integration/harness"
)

const namespace = "killorder-system"

var (
	k8s      client.Client
	cluster  *harness.Cluster
	operator *harness.Operator
	address  string // of its metrics
	server   *promServer
)

func TestPrometheus(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(90 * time.Second)
	SetDefaultEventuallyPollingInterval(500 * time.Millisecond)
	RunSpecs(t, "Operator, scraped by a real Prometheus")
}

// What is installed is what config/ renders to: the roles, the scraper and its binding, and how to scrape.
var _ = BeforeSuite(func(ctx SpecContext) {
	manager := harness.BuildOperator()
	cluster = harness.StartCluster(filepath.Join(harness.Root(), "test", "integration", "prometheus", "testdata", "scenario.yaml"))
	k8s = harness.Client(cluster.Config)
	address = harness.FreeAddress()
	operator = harness.StartOperator(manager, cluster.Kubeconfig, "--leader-elect=false", "--usage-interval=5s", "--metrics-bind-address="+address)

	harness.Install(ctx, k8s, "config/default", "Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding")
	harness.Install(ctx, k8s, "config/prometheus", "ServiceAccount", "ClusterRoleBinding")
	outsider := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "outsider"}}
	Expect(k8s.Create(ctx, outsider)).To(Succeed())

	var monitor serviceMonitor
	Expect(read(configFile("prometheus", "service_monitor.yaml"), &monitor)).To(Succeed())
	Expect(monitor.Spec.Endpoints).To(HaveLen(1))
	server = startServer(address, &monitor.Spec.Endpoints[0], map[string]string{
		"killorder-metrics": token(ctx, "killorder-metrics-scraper"), "outsider": token(ctx, "outsider"), "anonymous": "",
	})
}, NodeTimeout(20*time.Minute))

// token of a service account, as the control plane would put it into the scraper's Secret.
func token(ctx context.Context, account string) string {
	GinkgoHelper()
	request := &authenticationv1.TokenRequest{}
	subject := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}}
	Expect(k8s.SubResource("token").Create(ctx, subject, request)).To(Succeed())
	return request.Status.Token
}
