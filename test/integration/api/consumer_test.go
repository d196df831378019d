package api

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/integration/harness"
)

// The consumer runs as a pod of its own would: with the rights of examples/consumer/rbac.yaml, and no more.
var _ = Describe("examples/consumer", Ordered, func() {
	var program, kubeconfig string

	BeforeAll(func(ctx SpecContext) {
		program = harness.BuildConsumer()
		kubeconfig = harness.As(harness.WriteKubeconfig(env), "system:serviceaccount:default:killorder-consumer")
		for _, o := range harness.Documents("examples/consumer/rbac.yaml") {
			Expect(k8s.Create(ctx, o)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, o)).To(Succeed()) })
		}
		for _, name := range []string{"worker-1", "worker-2"} {
			Expect(k8s.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})).To(Succeed())
			Expect(k8s.Create(ctx, object("NodeKillOrder", name, ""))).To(Succeed())
		}
		DeferCleanup(func(ctx SpecContext) {
			Expect(k8s.DeleteAllOf(ctx, &corev1.Node{})).To(Succeed())
			Expect(k8s.DeleteAllOf(ctx, &v1alpha1.NodeKillOrder{})).To(Succeed())
		})
	})

	start := func(args ...string) *gexec.Session {
		GinkgoHelper()
		command := exec.Command(program, append([]string{"--kubeconfig=" + kubeconfig}, args...)...)
		session, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Eventually(session.Terminate(), time.Minute).Should(gexec.Exit(0)) })
		return session
	}

	It("changes nothing by default, and says what it would do", func(ctx SpecContext) {
		session := start()
		risk(ctx, "worker-1", metav1.ConditionTrue)
		Eventually(session.Err, time.Minute).Should(gbytes.Say(`"unschedulable":true`))
		Consistently(cordoned(ctx, "worker-1"), time.Second).Should(BeFalse())
		risk(ctx, "worker-1", metav1.ConditionFalse)
	})

	It("cordons while the condition is True, no more nodes than it may, and undoes what it did alone", func(ctx SpecContext) {
		session := start("--dry-run=false", "--most=1")
		risk(ctx, "worker-1", metav1.ConditionTrue)
		Eventually(cordoned(ctx, "worker-1"), time.Minute).Should(BeTrue())
		risk(ctx, "worker-2", metav1.ConditionTrue)
		Eventually(session.Err, time.Minute).Should(gbytes.Say("not cordoned"))
		Expect(cordoned(ctx, "worker-2")()).To(BeFalse())

		By("an administrator cordons the other one: that stays")
		administrator := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker-2"}}
		Expect(k8s.Patch(ctx, administrator, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"unschedulable":true}}`)))).To(Succeed())
		risk(ctx, "worker-2", metav1.ConditionFalse)
		risk(ctx, "worker-1", metav1.ConditionUnknown)
		risk(ctx, "worker-1", metav1.ConditionFalse)
		Eventually(cordoned(ctx, "worker-1"), time.Minute).Should(BeFalse())
		Expect(cordoned(ctx, "worker-2")()).To(BeTrue())
	})
})

// What docs/consuming.md says of kubectl wait.
var _ = Describe("kubectl wait", func() {
	kubectl := func(ctx context.Context, args ...string) (string, error) {
		command := exec.CommandContext(ctx, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"),
			append([]string{"--kubeconfig=" + harness.WriteKubeconfig(env)}, args...)...)
		out, err := command.CombinedOutput()
		return string(out), err
	}

	It("waits for a condition, by the short name", func(ctx SpecContext) {
		Expect(k8s.Create(ctx, object("NodeKillOrder", "worker-1", ""))).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.DeleteAllOf(ctx, &v1alpha1.NodeKillOrder{})).To(Succeed()) })
		risk(ctx, "worker-1", metav1.ConditionTrue)
		Expect(kubectl(ctx, "wait", "--for=condition=CriticalAtRisk", "nko/worker-1", "--timeout=10s")).
			To(Equal("nodekillorder.killorder.io/worker-1 condition met\n"))
		Expect(kubectl(ctx, "wait", "--for=condition=Ready", "nko", "--all", "--timeout=10s")).To(ContainSubstring("condition met"))
		out, err := kubectl(ctx, "wait", "--for=condition=CriticalAtRisk=false", "nko/worker-1", "--timeout=1s")
		Expect(err).To(HaveOccurred())
		Expect(out).To(ContainSubstring("timed out waiting for the condition"))
	})
})

// risk writes, as the operator would, an order whose readings are fresh.
func risk(ctx context.Context, node string, status metav1.ConditionStatus) {
	GinkgoHelper()
	order := &v1alpha1.NodeKillOrder{}
	Expect(k8s.Get(ctx, client.ObjectKey{Name: node}, order)).To(Succeed())
	for kind, s := range map[string]metav1.ConditionStatus{v1alpha1.ConditionReady: "True", v1alpha1.ConditionCriticalAtRisk: status} {
		meta.SetStatusCondition(&order.Status.Conditions, metav1.Condition{Type: kind, Status: s, Reason: "Test", Message: "by the test"})
	}
	Expect(k8s.Status().Update(ctx, order)).To(Succeed())
}

func cordoned(ctx context.Context, node string) func() bool {
	return func() bool {
		n := &corev1.Node{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: node}, n)).To(Succeed())
		return n.Spec.Unschedulable
	}
}
