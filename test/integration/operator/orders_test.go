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

var _ = Describe("Orders", Ordered, ContinueOnFailure, func() {
	BeforeAll(func() {
		harness.StartOperator(manager, kubeconf, "--leader-elect=false", "--usage-interval=5s")
	})

	It("creates the policy with its defaults", func(ctx SpecContext) {
		policy := &v1alpha1.KillOrderPolicy{}
		Eventually(func() error { return k8s.Get(ctx, client.ObjectKey{Name: "default"}, policy) }).Should(Succeed())
		Expect(policy.Spec.TopN).To(BeEquivalentTo(10))
		Expect(policy.Spec.AssumedEvictionHard.String()).To(Equal("100Mi"))
		Eventually(func() *metav1.Time {
			_ = k8s.Get(ctx, client.ObjectKey{Name: "default"}, policy)
			return policy.Status.LastPassAt
		}).ShouldNot(BeNil(), "a reader sees that the operator lives")
	})

	It("publishes an order without usage, and says so", func(ctx SpecContext) {
		node := createNode(ctx, "worker-1")
		createPod(ctx, "worker-1", "within", "1Gi")
		createPod(ctx, "worker-1", "besteffort", "")
		Eventually(order(ctx, "worker-1")).Should(HaveField("Status.EvictionOrder", HaveLen(2)))
		o := order(ctx, "worker-1")()
		Expect(evictionOrder(o)).To(Equal([]string{"besteffort", "within"}))
		Expect(reason(v1alpha1.ConditionReady)(o)).To(Equal(v1alpha1.ReasonUsageUnavailable))
		Expect(o.Status.Usage).To(HaveField("Missing", BeEquivalentTo(2)))
		Expect(o.Status.Memory.ThresholdSource).To(Equal(v1alpha1.ThresholdInferred))
		Expect(o.Status.OOMOrder[0].OOMScoreAdj).To(BeEquivalentTo(1000))
		Expect(o.Status.OOMOrder[1].OOMScoreAdj).To(BeEquivalentTo(938))
		Expect(o.OwnerReferences).To(HaveLen(1))
		Expect(o.OwnerReferences[0]).To(And(HaveField("UID", node.UID), HaveField("Controller", BeNil()), HaveField("BlockOwnerDeletion", BeNil())))
		Expect(o.ManagedFields).To(HaveEach(HaveField("Manager", "killorder")), "one field manager, one writer")
	})

	It("follows pods that come, change and go", func(ctx SpecContext) {
		createNode(ctx, "worker-1")
		Eventually(order(ctx, "worker-1")).Should(HaveField("Status.Summary", Not(BeNil())))
		pod := createPod(ctx, "worker-1", "a", "1Gi")
		Eventually(order(ctx, "worker-1")).Should(WithTransform(evictionOrder, Equal([]string{"a"})))
		pod.Status.Phase = corev1.PodFailed
		Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
		Eventually(order(ctx, "worker-1")).Should(HaveField("Status.EvictionOrder", BeEmpty()))
	}, SpecTimeout(2*time.Minute))

	It("deletes the order of a node that is gone, and makes one anew for a node of the same name", func(ctx SpecContext) {
		node := createNode(ctx, "worker-1")
		Eventually(order(ctx, "worker-1")).Should(HaveField("Status.Summary", Not(BeNil())))
		Expect(k8s.Delete(ctx, node)).To(Succeed())
		Eventually(gone(ctx, "worker-1")).Should(BeTrue())
		again := createNode(ctx, "worker-1")
		Eventually(order(ctx, "worker-1")).Should(HaveField("OwnerReferences", ConsistOf(HaveField("UID", again.UID))))
	})

	It("brings back an order that somebody deletes", func(ctx SpecContext) {
		createNode(ctx, "worker-1")
		Eventually(order(ctx, "worker-1")).Should(HaveField("Status.Summary", Not(BeNil())))
		before := order(ctx, "worker-1")()
		Expect(k8s.Delete(ctx, before)).To(Succeed())
		Eventually(order(ctx, "worker-1")).Should(And(
			HaveField("UID", Not(Equal(before.UID))), HaveField("UID", Not(BeEmpty())), HaveField("Status.Summary", Not(BeNil()))))
	})

	It("explains nodes without the kernel's rules", func(ctx SpecContext) {
		createNode(ctx, "windows-1", func(n *corev1.Node) { n.Status.NodeInfo.OperatingSystem = "windows" })
		createPod(ctx, "windows-1", "a", "")
		Eventually(order(ctx, "windows-1")).Should(HaveField("Status.EvictionOrder", HaveLen(1)))
		o := order(ctx, "windows-1")()
		Expect(o.Status.OOMOrder).To(BeEmpty())
		Expect(o.Status.Conditions).To(ContainElement(And(
			HaveField("Type", "Ready"), HaveField("Message", ContainSubstring("Windows has no OOM killer")))))
	})

	It("survives a node without capacity", func(ctx SpecContext) {
		createNode(ctx, "empty-1", func(n *corev1.Node) { n.Status.Capacity, n.Status.Allocatable = nil, nil })
		createPod(ctx, "empty-1", "a", "1Gi")
		Eventually(order(ctx, "empty-1")).Should(HaveField("Status.EvictionOrder", HaveLen(1)))
	})

	It("writes nothing for heartbeats of nodes and pods", func(ctx SpecContext) {
		node := createNode(ctx, "worker-1")
		pod := createPod(ctx, "worker-1", "a", "1Gi")
		Eventually(order(ctx, "worker-1")).Should(HaveField("Status.EvictionOrder", HaveLen(1)))
		before := order(ctx, "worker-1")().ResourceVersion
		for range 20 {
			node.Status.Conditions[0].LastHeartbeatTime = metav1.Now()
			node.Annotations = map[string]string{"beat": time.Now().String()}
			Expect(k8s.Status().Update(ctx, node)).To(Succeed())
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastProbeTime: metav1.Now()}}
			Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
			time.Sleep(100 * time.Millisecond)
		}
		Consistently(order(ctx, "worker-1"), 12*time.Second).Should(HaveField("ResourceVersion", before))
	}, SpecTimeout(2*time.Minute))

	It("puts a changed policy in force without a restart", func(ctx SpecContext) {
		createNode(ctx, "worker-1")
		createPod(ctx, "worker-1", "a", "1Gi", func(p *corev1.Pod) { p.Labels = map[string]string{"tier": "gold"} })
		createPod(ctx, "worker-1", "b", "1Gi")
		Eventually(order(ctx, "worker-1")).Should(HaveField("Status.EvictionOrder", HaveLen(2)))
		policy := &v1alpha1.KillOrderPolicy{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: "default"}, policy)).To(Succeed())
		policy.Spec.TopN = 1
		policy.Spec.Critical.PodSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
		Expect(k8s.Update(ctx, policy)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, policy)).To(Succeed()) }) // the operator makes a new one
		Eventually(order(ctx, "worker-1")).Should(HaveField("Status.EvictionOrder",
			ConsistOf(And(HaveField("Pod", "a"), HaveField("Critical", true)))))
	}, SpecTimeout(3*time.Minute))

	It("refuses a policy it cannot honour, and says which field", func(ctx SpecContext) {
		policy := &v1alpha1.KillOrderPolicy{}
		Eventually(func() error { return k8s.Get(ctx, client.ObjectKey{Name: "default"}, policy) }).Should(Succeed())
		policy.Spec.Critical.PodSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
		Expect(k8s.Update(ctx, policy)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, policy)).To(Succeed()) })
		Eventually(func() []metav1.Condition {
			_ = k8s.Get(ctx, client.ObjectKey{Name: "default"}, policy)
			return policy.Status.Conditions
		}).Should(ContainElement(And(HaveField("Type", "Accepted"), HaveField("Status", metav1.ConditionFalse),
			HaveField("Message", ContainSubstring("spec.critical.podSelector")))))
	})

	It("says which disabled rules do not exist, and honours the others", func(ctx SpecContext) {
		policy := &v1alpha1.KillOrderPolicy{}
		Eventually(func() error { return k8s.Get(ctx, client.ObjectKey{Name: "default"}, policy) }).Should(Succeed())
		policy.Spec.DisabledFindings = []string{"BestEffortPod", "NoSuchRule"}
		Expect(k8s.Update(ctx, policy)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, policy)).To(Succeed()) })
		Eventually(func() []metav1.Condition {
			_ = k8s.Get(ctx, client.ObjectKey{Name: "default"}, policy)
			return policy.Status.Conditions
		}).Should(ContainElement(And(HaveField("Type", "Accepted"), HaveField("Reason", v1alpha1.ReasonUnknownFindings),
			HaveField("Message", HaveSuffix("do not exist: NoSuchRule")))))
	})

	It("looks at in-place resized pods as the kubelet does", func(ctx SpecContext) {
		createNode(ctx, "worker-1")
		pod := createPod(ctx, "worker-1", "a", "1Gi")
		Eventually(order(ctx, "worker-1")).Should(HaveField("Status.OOMOrder", HaveLen(1)))
		pod.Status.ContainerStatuses[0].AllocatedResources = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")}
		Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
		Eventually(order(ctx, "worker-1")).Should(And(
			HaveField("Status.EvictionOrder", ConsistOf(HaveField("Request", resource.MustParse("2Gi")))),
			HaveField("Status.OOMOrder", ConsistOf(HaveField("OOMScoreAdj", BeEquivalentTo(938)))), // as written at its start
		))
	}, SpecTimeout(2*time.Minute))
})
