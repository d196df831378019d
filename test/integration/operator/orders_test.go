package operator

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/integration/harness"
)

// undoPolicy deletes the policy after the spec: the operator makes a new one.
func undoPolicy() {
	DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, k8s.Policy(ctx)())).To(Succeed()) })
}

var _ = Describe("Orders", Ordered, ContinueOnFailure, func() {
	BeforeAll(func() {
		harness.StartOperator(manager, kubeconf, "--leader-elect=false", "--usage-interval=5s")
	})

	It("creates the policy with its defaults", func(ctx SpecContext) {
		Eventually(k8s.Policy(ctx)).Should(HaveField("Status.LastPassAt", Not(BeNil())), "a reader sees that the operator lives")
		p := k8s.Policy(ctx)()
		Expect(p.Spec.TopN).To(BeEquivalentTo(10))
		Expect(p.Spec.AssumedEvictionHard.String()).To(Equal("100Mi"))
	})

	It("publishes an order without usage, and says so", func(ctx SpecContext) {
		k8s.CreatePod(ctx, "worker-1", "within", "1Gi")
		k8s.CreatePod(ctx, "worker-1", "besteffort", "")
		node := k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(And(
			HaveField("Status.EvictionOrder", HaveLen(2)), HaveField("Status.Usage", HaveField("Missing", BeEquivalentTo(2)))))
		o := k8s.Order(ctx, "worker-1")()
		Expect(harness.EvictionOrder(o)).To(Equal([]string{"besteffort", "within"}))
		Expect(harness.Reason(v1alpha1.ConditionReady)(o)).To(Equal(v1alpha1.ReasonUsageUnavailable))
		Expect(o.Status.Memory.ThresholdSource).To(Equal(v1alpha1.ThresholdInferred))
		Expect(o.Status.OOMOrder[0].OOMScoreAdj).To(BeEquivalentTo(1000))
		Expect(o.Status.OOMOrder[1].OOMScoreAdj).To(BeEquivalentTo(938))
		Expect(o.OwnerReferences).To(HaveLen(1))
		Expect(o.OwnerReferences[0]).To(And(HaveField("UID", node.UID), HaveField("Controller", BeNil()), HaveField("BlockOwnerDeletion", BeNil())))
		Expect(o.ManagedFields).To(HaveEach(HaveField("Manager", "killorder")), "one field manager, one writer")
	})

	It("follows pods that come, change and go", func(ctx SpecContext) {
		ends := k8s.CreatePod(ctx, "worker-1", "ends", "1Gi")
		deleted := k8s.CreatePod(ctx, "worker-1", "deleted", "1Gi")
		k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(WithTransform(harness.EvictionOrder, ConsistOf("ends", "deleted")))
		k8s.CreatePod(ctx, "worker-1", "comes", "1Gi")
		ends.Status.Phase = corev1.PodFailed
		Expect(k8s.Status().Update(ctx, ends)).To(Succeed())
		Expect(k8s.Delete(ctx, deleted, client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(k8s.Order(ctx, "worker-1")).Should(WithTransform(harness.EvictionOrder, Equal([]string{"comes"})))
	}, SpecTimeout(2*time.Minute))

	It("deletes the order of a node that is gone, and makes one anew for a node of the same name", func(ctx SpecContext) {
		node := k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("Status.Summary", Not(BeNil())))
		Expect(k8s.Delete(ctx, node)).To(Succeed())
		Eventually(k8s.OrderGone(ctx, "worker-1")).Should(BeTrue())
		again := k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("OwnerReferences", ConsistOf(HaveField("UID", again.UID))))
	})

	It("brings back an order that somebody deletes", func(ctx SpecContext) {
		k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("Status.Summary", Not(BeNil())))
		before := k8s.Order(ctx, "worker-1")()
		Expect(k8s.Delete(ctx, before)).To(Succeed())
		Eventually(k8s.Order(ctx, "worker-1")).Should(And(
			HaveField("UID", Not(Equal(before.UID))), HaveField("UID", Not(BeEmpty())), HaveField("Status.Summary", Not(BeNil()))))
	})

	It("explains nodes without the kernel's rules", func(ctx SpecContext) {
		k8s.CreatePod(ctx, "windows-1", "a", "")
		k8s.CreateNode(ctx, "windows-1", func(n *corev1.Node) { n.Status.NodeInfo.OperatingSystem = "windows" })
		Eventually(k8s.Order(ctx, "windows-1")).Should(HaveField("Status.EvictionOrder", HaveLen(1)))
		o := k8s.Order(ctx, "windows-1")()
		Expect(o.Status.OOMOrder).To(BeEmpty())
		Expect(o.Status.Conditions).To(ContainElement(And(
			HaveField("Type", "Ready"), HaveField("Message", ContainSubstring("Windows has no OOM killer")))))
	})

	It("survives a node without capacity", func(ctx SpecContext) {
		k8s.CreatePod(ctx, "empty-1", "a", "1Gi")
		k8s.CreateNode(ctx, "empty-1", func(n *corev1.Node) { n.Status.Capacity, n.Status.Allocatable = nil, nil })
		Eventually(k8s.Order(ctx, "empty-1")).Should(HaveField("Status.EvictionOrder", HaveLen(1)))
	})

	It("writes nothing for heartbeats of nodes and pods", func(ctx SpecContext) {
		node := k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("Status.Summary", Not(BeNil())))
		pod := k8s.CreatePod(ctx, "worker-1", "a", "1Gi") // after the order: what is written then follows passes over the new node
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("Status.EvictionOrder", HaveLen(1)))
		before := k8s.Order(ctx, "worker-1")().ResourceVersion
		for range 20 {
			node.Status.Conditions[0].LastHeartbeatTime = metav1.Now()
			node.Annotations = map[string]string{"beat": time.Now().String()}
			Expect(k8s.Status().Update(ctx, node)).To(Succeed())
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastProbeTime: metav1.Now()}}
			Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
			time.Sleep(100 * time.Millisecond)
		}
		Consistently(k8s.Order(ctx, "worker-1"), 12*time.Second).Should(HaveField("ResourceVersion", before))
	}, SpecTimeout(2*time.Minute))

	It("puts a changed policy in force without a restart", func(ctx SpecContext) {
		k8s.CreatePod(ctx, "worker-1", "a", "1Gi", func(p *corev1.Pod) { p.Labels = map[string]string{"tier": "gold"} })
		k8s.CreatePod(ctx, "worker-1", "b", "1Gi")
		k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("Status.EvictionOrder", HaveLen(2)))
		undoPolicy()
		k8s.ChangePolicy(ctx, func(spec *v1alpha1.KillOrderPolicySpec) {
			spec.TopN = 1
			spec.Critical.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
		})
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("Status.EvictionOrder",
			ConsistOf(And(HaveField("Pod", "a"), HaveField("Critical", true)))))
	}, SpecTimeout(3*time.Minute))

	It("refuses a policy it cannot honour, and says which field", func(ctx SpecContext) {
		undoPolicy()
		k8s.ChangePolicy(ctx, func(spec *v1alpha1.KillOrderPolicySpec) {
			spec.Critical.PodSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
		})
		Eventually(k8s.Policy(ctx)).Should(HaveField("Status.Conditions", ContainElement(And(
			HaveField("Type", "Accepted"), HaveField("Status", metav1.ConditionFalse),
			HaveField("Message", ContainSubstring("spec.critical.podSelector"))))))
	})

	It("says which disabled rules do not exist, and honours the others", func(ctx SpecContext) {
		undoPolicy()
		k8s.ChangePolicy(ctx, func(spec *v1alpha1.KillOrderPolicySpec) {
			spec.DisabledFindings = []string{"BestEffortPod", "NoSuchRule"}
		})
		Eventually(k8s.Policy(ctx)).Should(HaveField("Status.Conditions", ContainElement(And(
			HaveField("Type", "Accepted"), HaveField("Reason", v1alpha1.ReasonUnknownFindings),
			HaveField("Message", HaveSuffix("do not exist: NoSuchRule"))))))
	})

	It("looks at in-place resized pods as the kubelet does", func(ctx SpecContext) {
		pod := k8s.CreatePod(ctx, "worker-1", "a", "1Gi")
		k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("Status.OOMOrder", HaveLen(1)))
		pod.Status.ContainerStatuses[0].AllocatedResources = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")}
		Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
		Eventually(k8s.Order(ctx, "worker-1")).Should(And(
			HaveField("Status.EvictionOrder", ConsistOf(HaveField("Request", resource.MustParse("2Gi")))),
			HaveField("Status.OOMOrder", ConsistOf(HaveField("OOMScoreAdj", BeEquivalentTo(938)))), // as written at its start
		))
	}, SpecTimeout(2*time.Minute))
})
