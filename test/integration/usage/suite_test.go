package usage

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/integration/harness"
)

var (
	cluster *harness.Cluster
	k8s     harness.API
)

func TestUsage(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(2 * time.Minute)
	SetDefaultEventuallyPollingInterval(500 * time.Millisecond)
	RunSpecs(t, "Operator with the real metrics-server")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	manager := harness.BuildOperator()
	cluster = harness.StartCluster(filepath.Join(harness.Root(), "test", "integration", "usage", "testdata", "scenario.yaml"))
	k8s = harness.API{Client: harness.Client(cluster.Config)}
	policy := &v1alpha1.KillOrderPolicy{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName}}
	policy.Spec.Usage.MaxAgeSeconds, policy.Spec.Usage.Source = 30, v1alpha1.PreferMetricsAPI
	Expect(k8s.Create(ctx, policy)).To(Succeed())
	// With the rights of config/default and no other: kubelets see the account that is there for them.
	harness.Install(ctx, k8s, "config/default",
		"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
	harness.StartOperator(manager, harness.As(cluster.Kubeconfig, "system:serviceaccount:killorder-system:killorder-manager"),
		"--leader-elect=false", "--usage-interval=5s", "--kubelet-service-account=killorder-system/killorder-kubelet-reader")
}, NodeTimeout(20*time.Minute))

// amount is a quantity of that many bytes.
func amount(of string) gomegatypes.GomegaMatcher {
	return HaveValue(WithTransform(func(q resource.Quantity) int64 { return q.Value() }, Equal(new(resource.MustParse(of)).Value())))
}

func expectSmall(o *v1alpha1.NodeKillOrder) {
	GinkgoHelper()
	for _, v := range o.Status.EvictionOrder {
		Expect(len(v.Pod)).To(BeNumerically(">=", 36), v.Pod)
	}
	stored, err := json.Marshal(o)
	Expect(err).NotTo(HaveOccurred())
	AddReportEntry("bytes", len(stored))
	GinkgoWriter.Printf("a NodeKillOrder of a node of 110 pods: %d bytes\n", len(stored))
	Expect(len(stored)).To(BeNumerically("<=", 10_000))
	Expect(o.ManagedFields).NotTo(BeEmpty(), "they count")
}

// prefer sets the policy's source of usage.
func prefer(ctx context.Context, source v1alpha1.UsagePreference) {
	GinkgoHelper()
	policy := &v1alpha1.KillOrderPolicy{}
	Expect(k8s.Get(ctx, client.ObjectKey{Name: v1alpha1.PolicyName}, policy)).To(Succeed())
	before := policy.DeepCopy()
	policy.Spec.Usage.Source = source
	Expect(k8s.Patch(ctx, policy, client.MergeFrom(before))).To(Succeed())
}

// eventsAbout counts the Events about a pod by reason.
func eventsAbout(ctx context.Context, uid types.UID) func() map[string]int {
	return func() map[string]int {
		events, counts := &eventsv1.EventList{}, map[string]int{}
		if err := k8s.List(ctx, events); err != nil {
			return counts
		}
		for i := range events.Items {
			if events.Items[i].Regarding.UID == uid {
				counts[events.Items[i].Reason]++
			}
		}
		return counts
	}
}

var _ = Describe("Usage from metrics-server", Ordered, func() {
	It("ranks by real readings", func(ctx SpecContext) {
		Eventually(k8s.Order(ctx, "full")).Should(WithTransform(harness.Ready, Equal(v1alpha1.ReasonUsageFresh)))
		o := k8s.Order(ctx, "full")()
		Expect(o.Status.Summary.Pods).To(BeEquivalentTo(110))
		Expect(o.Status.EvictionOrder).To(HaveLen(10))
		Expect(o.Status.EvictionOrder).To(HaveEach(And(
			HaveField("Reason", v1alpha1.ReasonExceedsRequest), HaveField("Usage", Not(BeNil())), HaveField("Critical", false))))
		Expect(o.Status.Usage.Missing).To(BeZero())
		Expect(o.Status.Memory.Headroom.Value()).To(BeNumerically(">", 0))
	})

	It("keeps an object under 10 kB with 110 pods on the node", func(ctx SpecContext) { expectSmall(k8s.Order(ctx, "full")()) })

	// First of those that take time: the pod grows for two minutes.
	It("names the pod that grows", func(ctx SpecContext) {
		Eventually(k8s.Order(ctx, "small"), 3*time.Minute).Should(HaveField("Status.CulpritRef", And(
			HaveField("Reason", v1alpha1.CulpritGrowth), HaveField("Workload.Name", "grower"))))
	}, SpecTimeout(5*time.Minute))

	It("writes nothing for noise", func(ctx SpecContext) {
		// Readings come every 5 s, and what noise would change is written 30 s after the last write at the latest.
		unchanged := func() time.Duration {
			if at := k8s.Order(ctx, "full")().Status.LastChangedAt; at != nil {
				return time.Since(at.Time)
			}
			return 0
		}
		Eventually(unchanged, 3*time.Minute).Should(BeNumerically(">", 45*time.Second))
	}, SpecTimeout(5*time.Minute))

	It("finds what is wrong with a critical pod, tells once, and sees that the fix works", func(ctx SpecContext) {
		pods := &corev1.PodList{}
		Expect(k8s.List(ctx, pods, client.InNamespace("shop"), client.MatchingLabels{"killorder.io/critical": "true"})).To(Succeed())
		Expect(pods.Items).To(HaveLen(1))
		pod := &pods.Items[0]
		fix := func(o *v1alpha1.NodeKillOrder) string {
			for _, f := range o.Status.Findings {
				if f.Rule == "CriticalNotGuaranteed" && f.Pod == pod.Name {
					return f.Fix
				}
			}
			return ""
		}
		Eventually(k8s.Order(ctx, "small")).Should(WithTransform(fix, HavePrefix("requests.memory 512Mi, limits equal, cpu too (Guaranteed): eviction rank ")))
		GinkgoWriter.Println(fix(k8s.Order(ctx, "small")()))
		Eventually(eventsAbout(ctx, pod.UID)).Should(HaveKeyWithValue("CriticalPodAtRisk", BeNumerically(">=", 1)))
		before := eventsAbout(ctx, pod.UID)()
		events := &eventsv1.EventList{}
		Expect(k8s.List(ctx, events)).To(Succeed())
		Expect(events.Items).To(ContainElement(And(HaveField("Regarding.UID", pod.UID), HaveField("Related.UID", k8s.Order(ctx, "small")().UID))),
			"also the Events of the first order name the order by its UID")

		fixed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels}, Spec: pod.Spec}
		amounts := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi"), corev1.ResourceCPU: resource.MustParse("100m")}
		fixed.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: amounts, Limits: amounts}
		status := pod.Status.DeepCopy()
		Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(func() error { return k8s.Create(ctx, fixed.DeepCopy()) }).Should(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(fixed), fixed)).To(Succeed())
		status.QOSClass = fixed.Status.QOSClass
		status.ContainerStatuses[0].State.Running.StartedAt = metav1.Now()
		fixed.Status = *status
		Expect(k8s.Status().Update(ctx, fixed)).To(Succeed())

		Eventually(k8s.Order(ctx, "small")).Should(And(
			HaveField("Status.Findings", Not(ContainElement(HaveField("Rule", BeElementOf("CriticalNotGuaranteed", "BestEffortPod"))))),
			HaveField("Status.OOMOrder", ContainElement(And(HaveField("Pod", pod.Name), HaveField("OOMScoreAdj", BeEquivalentTo(-997))))),
		))
		Eventually(eventsAbout(ctx, pod.UID)).Should(HaveKeyWithValue("CriticalPodSafe", before["CriticalPodAtRisk"]))
		Expect(eventsAbout(ctx, pod.UID)()).To(HaveKeyWithValue("CriticalPodAtRisk", before["CriticalPodAtRisk"]), "each only once")
	}, SpecTimeout(5*time.Minute))

	It("says when readings are stale, and when they are fresh again", func(ctx SpecContext) {
		cluster.MetricsServer(ctx, "stop")
		Eventually(k8s.Order(ctx, "full")).Should(WithTransform(harness.Ready, Equal(v1alpha1.ReasonUsageStale)))
		Expect(k8s.Order(ctx, "full")().Status.EvictionOrder).To(HaveEach(HaveField("Usage", Not(BeNil()))), "still ranked")
		cluster.MetricsServer(ctx, "start")
		Eventually(k8s.Order(ctx, "full"), 2*time.Minute).Should(WithTransform(harness.Ready, Equal(v1alpha1.ReasonUsageFresh)))
	}, SpecTimeout(5*time.Minute))

	It("infers the limit of kubepods from metrics-server and the Node, and knows no threshold", func(ctx SpecContext) {
		Expect(k8s.Order(ctx, "small")().Status).To(And(
			HaveField("Usage.Source", v1alpha1.UsageSourceMetricsAPI),
			HaveField("Memory", And(
				HaveField("OOMScope", v1alpha1.OOMScopePods), HaveField("ThresholdSource", v1alpha1.ThresholdDefault),
				HaveField("EvictionThreshold", amount("100Mi")),
				HaveField("SoftEvictionThreshold", BeNil()), HaveField("OOMKills", BeEmpty())))))
	})

	It("reads the kubelets themselves once the policy says so, and needs no metrics-server", func(ctx SpecContext) {
		cluster.MetricsServer(ctx, "stop")
		prefer(ctx, v1alpha1.PreferKubelet)
		Eventually(k8s.Order(ctx, "small")).Should(HaveField("Status", And(
			HaveField("Usage.Source", v1alpha1.UsageSourceKubelet),
			HaveField("Memory", And(
				HaveField("ThresholdSource", v1alpha1.ThresholdKubelet),
				HaveField("EvictionThreshold", amount("750Mi")),
				HaveField("EvictionMinimumReclaim", amount("256Mi")),
				HaveField("SoftEvictionThreshold", amount("1Gi")),
				HaveField("SoftEvictionGracePeriodSeconds", HaveValue(BeEquivalentTo(90))),
				HaveField("EvictionSignal", v1alpha1.SignalAllocatableMemoryAvailable),
				HaveField("OOMScope", v1alpha1.OOMScopePods),
				HaveField("OOMKills", v1alpha1.OOMKillsProcess))),
		)))
		o := k8s.Order(ctx, "small")()
		Expect(harness.Ready(o)).To(Equal(v1alpha1.ReasonUsageFresh))
		// The pods use 500Mi, 3Gi and up to 512Mi of the 6Gi that systemReserved leaves them; 60% of what the grower uses is RSS.
		left := o.Status.Memory.OOMHeadroom.Value()
		Expect(o.Status.Memory.Headroom.Value()).To(BeNumerically("~", left-750<<20, 1<<20))
		Expect(left).To(BeNumerically("~", (6<<30)-(3<<30)-(900<<20), 300<<20))
		Expect(o.Status.OOMOrder).To(ContainElement(And(HaveField("Pod", HavePrefix("grower-")),
			HaveField("Usage", HaveValue(WithTransform(func(q resource.Quantity) int64 { return q.Value() },
				BeNumerically("~", 3<<30*60/100, 128<<20)))))))
	}, SpecTimeout(5*time.Minute))

	It("keeps an object under 10 kB with the kubelet's configuration too", func(ctx SpecContext) {
		Eventually(k8s.Order(ctx, "full")).Should(HaveField("Status.Usage.Source", v1alpha1.UsageSourceKubelet))
		expectSmall(k8s.Order(ctx, "full")())
	})

	It("takes metrics-server for no node whose kubelet answers", func(ctx SpecContext) {
		cluster.MetricsServer(ctx, "start")
		prefer(ctx, v1alpha1.PreferAuto)
		Consistently(k8s.Order(ctx, "full"), 40*time.Second, time.Second).Should(And(
			HaveField("Status.Usage.Source", v1alpha1.UsageSourceKubelet),
			WithTransform(harness.Ready, Equal(v1alpha1.ReasonUsageFresh))))
	}, SpecTimeout(5*time.Minute))

	It("rolls the cluster up", func(ctx SpecContext) {
		policy := &v1alpha1.KillOrderPolicy{}
		Eventually(func() int32 {
			_ = k8s.Get(ctx, client.ObjectKey{Name: v1alpha1.PolicyName}, policy)
			return policy.Status.Nodes
		}, 2*time.Minute).Should(BeEquivalentTo(2))
		Expect(policy.Status.LastPassAt).NotTo(BeNil())
	}, SpecTimeout(5*time.Minute))
})
