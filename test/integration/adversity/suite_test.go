// Package adversity plays what bad luck does to a cluster: programs that crash, objects that are emptied or replaced, a
// flood of pods, a second operator, a clock that jumps. After each scene the orders are what the plugin says, no Event was
// created twice, and the operator has as many goroutines and as much memory as before.
package adversity

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/integration/harness"
)

var (
	cluster                  *harness.Cluster
	k8s                      harness.API
	scraper                  *harness.Scraper
	manager, jumping, plugin string
	// account is the kubeconfig of the account that config/default gives the operator.
	account string
)

func TestAdversity(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(90 * time.Second)
	SetDefaultEventuallyPollingInterval(500 * time.Millisecond)
	RunSpecs(t, "Operator in adversity")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	manager, plugin = harness.BuildOperator(), harness.BuildPlugin()
	jumping = harness.BuildRace("jumping", "./test/integration/adversity/jumping")
	cluster = harness.StartCluster(filepath.Join(harness.Root(), "test", "integration", "adversity", "testdata", "scenario.yaml"))
	cluster.Config.QPS = -1 // scenes are as fast as the API server
	k8s = harness.API{Client: harness.Client(cluster.Config)}
	policy := &v1alpha1.KillOrderPolicy{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName}}
	policy.Spec.TopN, policy.Spec.Usage.Source = v1alpha1.MaxTopN, v1alpha1.PreferMetricsAPI
	Expect(k8s.Create(ctx, policy)).To(Succeed())
	harness.Install(ctx, k8s, "config/default",
		"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
	account = harness.As(cluster.Kubeconfig, "system:serviceaccount:killorder-system:killorder-manager")
	scraper = harness.NewScraper(ctx, k8s)
	oomKill(ctx, "burstable")
}, NodeTimeout(10*time.Minute))

// oomKill writes what a kubelet leaves of a container that the kernel killed: of the first pod whose name begins so.
func oomKill(ctx context.Context, named string) {
	GinkgoHelper()
	pod := podNamed(ctx, named)
	now := metav1.Now()
	s := &pod.Status.ContainerStatuses[0]
	s.RestartCount++
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
		Reason: "OOMKilled", ExitCode: 137, StartedAt: metav1.NewTime(now.Add(-time.Minute)), FinishedAt: now, ContainerID: "containerd://dead",
	}
	s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}

func podNamed(ctx context.Context, named string) *corev1.Pod {
	GinkgoHelper()
	pods := &corev1.PodList{}
	Expect(k8s.List(ctx, pods, client.InNamespace("shop"))).To(Succeed())
	for i := range pods.Items {
		if len(pods.Items[i].Name) >= len(named) && pods.Items[i].Name[:len(named)] == named {
			return &pods.Items[i]
		}
	}
	Fail("no pod " + named)
	return nil
}

// operator is a running operator and where its metrics are.
type operator struct {
	*harness.Operator
	metrics string
}

// start an operator. It collects garbage early, so that the memory it has is the memory it needs.
func start(program string, args ...string) *operator {
	GinkgoHelper()
	GinkgoT().Setenv("GOGC", "20")
	o := &operator{metrics: harness.FreeAddress()}
	o.Operator = harness.StartOperator(program, account, append([]string{
		"--usage-interval=5s", "--leader-election-namespace=killorder-system", "--metrics-bind-address=" + o.metrics,
	}, args...)...)
	return o
}

// rank is what the plugin says of all nodes, as JSON.
func rank(ctx context.Context) ([]byte, error) {
	return exec.CommandContext(ctx, plugin, "rank", "--kubeconfig", cluster.Kubeconfig, "--top=0", "-o=json").Output()
}
