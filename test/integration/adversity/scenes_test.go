package adversity

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/integration/harness"
)

// aPass is how long a scene lasts so that the operator makes a pass over the readings in its midst.
const aPass = 7 * time.Second

var nodes = []string{"steady-1", "steady-2", "noisy"}

// The scenes follow one another on one cluster. The last three start operators of their own.
var _ = Describe("The operator", Ordered, ContinueOnFailure, func() {
	var (
		o   *operator
		was before
	)
	BeforeAll(func(ctx SpecContext) {
		o = start(manager, "--leader-elect=false")
		Eventually(func() map[string]int { return events(ctx) }).Should(And(
			HaveKey(HavePrefix("PodKilled burstable")), HaveKey(HavePrefix("CriticalPodAtRisk critical"))))
		was = note(ctx, o)
		Expect(was.events).To(HaveEach(1))
	})
	AfterEach(func(ctx SpecContext) { was.asBefore(ctx, o) })

	It("restores an order that somebody empties, whole or in part", func(ctx SpecContext) {
		whole, part := k8s.Order(ctx, "steady-1")(), k8s.Order(ctx, "steady-2")()
		whole.Status = v1alpha1.NodeKillOrderStatus{}
		part.Status.EvictionOrder, part.Status.Conditions = nil, nil
		Expect(k8s.Status().Update(ctx, whole)).To(Succeed())
		Expect(k8s.Status().Update(ctx, part)).To(Succeed())
		for _, node := range []string{"steady-1", "steady-2"} {
			Eventually(k8s.Order(ctx, node)).Should(And(
				HaveField("Status.EvictionOrder", Not(BeEmpty())), HaveField("Status.Conditions", Not(BeEmpty())),
				HaveField("ManagedFields", HaveEach(HaveField("Manager", "killorder")))))
		}
	}, SpecTimeout(6*time.Minute))

	It("makes a new order for a node that is deleted and created anew at once", func(ctx SpecContext) {
		node := &corev1.Node{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: "steady-2"}, node)).To(Succeed())
		old, again := k8s.Order(ctx, "steady-2")(), node.DeepCopy()
		again.UID, again.ResourceVersion, again.CreationTimestamp = "", "", metav1.Time{}
		began := time.Now()
		Expect(k8s.Delete(ctx, node)).To(Succeed())
		Expect(k8s.Create(ctx, again)).To(Succeed())
		GinkgoWriter.Printf("the node was away for at most %s\n", time.Since(began))
		Eventually(k8s.Order(ctx, "steady-2")).Should(And(
			HaveField("UID", Not(Equal(old.UID))), HaveField("OwnerReferences", ConsistOf(HaveField("UID", again.UID)))))
	}, SpecTimeout(6*time.Minute))

	// They come to the node without critical pods: on a slow machine the flood lasts until an order shows it, and its pods then
	// die before a critical pod, which is safe for that while. Its Events about that would be right.
	It("forgets 500 pods that come and go within seconds", func(ctx SpecContext) {
		began := time.Now()
		each(500, func(i int) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("flood-", i)}}
			pod.Spec = corev1.PodSpec{NodeName: "noisy", Containers: []corev1.Container{{Name: "app", Image: "app"}}}
			Expect(k8s.Create(ctx, pod)).To(Succeed())
			Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
		})
		GinkgoWriter.Printf("500 pods came and went within %s\n", time.Since(began))
	}, SpecTimeout(6*time.Minute))

	It("stands etcd's crash", func(ctx SpecContext) {
		cluster.Crash(ctx, "etcd")
		Consistently(o, aPass).ShouldNot(gexec.Exit())
		cluster.Restart(ctx, "etcd")
	}, SpecTimeout(6*time.Minute))

	It("stands the API server's crash", func(ctx SpecContext) {
		cluster.Crash(ctx, "kube-apiserver")
		Consistently(o, aPass).ShouldNot(gexec.Exit())
		cluster.Restart(ctx, "kube-apiserver")
	}, SpecTimeout(6*time.Minute))

	It("shares the orders with a second one, of which no election keeps it, and neither undoes what the other does", func(ctx SpecContext) {
		fields := managedFields(ctx)
		second := start(manager, "--leader-elect=false")
		Eventually(func() float64 { return second.sample(ctx, "killorder_usage_passes_total") }).Should(BeNumerically(">=", 2))
		emptied := k8s.Order(ctx, "steady-1")()
		emptied.Status = v1alpha1.NodeKillOrderStatus{} // both see that
		Expect(k8s.Status().Update(ctx, emptied)).To(Succeed())
		settled(ctx)
		unchanged(ctx, nodes...)
		Expect(managedFields(ctx)).To(Equal(fields))
		second.Stop()
	}, SpecTimeout(8*time.Minute))

	It("starts while metrics.k8s.io is registered and does not answer", func(ctx SpecContext) {
		cluster.MetricsServer(ctx, "stop")
		o.Stop()
		o = start(manager, "--leader-elect=false")
		Eventually(func() float64 { return o.sample(ctx, "killorder_usage_passes_total") }).Should(BeNumerically(">=", 2))
		for _, node := range nodes { // what the one before read is not too old yet
			Expect(k8s.Order(ctx, node)()).To(WithTransform(harness.Ready, Equal(v1alpha1.ReasonUsageFresh)), node)
		}
		cluster.MetricsServer(ctx, "start")
	}, SpecTimeout(6*time.Minute))

	It("waits out a lease when the API server is away for longer than a leader may be silent", func(ctx SpecContext) {
		o.Stop()
		leads := func(o *operator) func() float64 {
			return func() float64 { return o.sample(ctx, "leader_election_master_status") }
		}
		first := start(manager)
		Eventually(leads(first)).Should(BeEquivalentTo(1))
		leading := note(ctx, first)
		was.goroutines, was.heap = leading.goroutines, leading.heap // an election takes some of its own
		second := start(manager)
		Eventually(leads(second)).Should(BeZero())
		cluster.Crash(ctx, "kube-apiserver")
		Eventually(first).Should(gexec.Exit(1), "a leader that cannot renew its lease gives it up")
		cluster.Restart(ctx, "kube-apiserver")
		third := start(manager) // as a kubelet starts the container again
		o = nil
		Eventually(func() *operator {
			for _, candidate := range []*operator{second, third} {
				if leads(candidate)() == 1 {
					o = candidate
				}
			}
			return o
		}).ShouldNot(BeNil())
		Expect(second).NotTo(gexec.Exit())
		// metrics.k8s.io may come back later than the API server: until then the new leader knows no usage.
		Eventually(func() float64 { return o.sample(ctx, "killorder_usage_readings{") }).Should(BeNumerically(">", 0))
		settled(ctx)
		unchanged(ctx, nodes...)
	}, SpecTimeout(8*time.Minute))

	It("takes readings for useless while its clock is an hour off, and no longer", func(ctx SpecContext) {
		maxAge(ctx, time.Minute)
		o.Stop()
		o = start(jumping, "--leader-elect=false")
		Eventually(func() float64 { return o.sample(ctx, "killorder_usage_readings{") }).Should(BeNumerically(">", 0))
		for _, jump := range []struct{ away, back syscall.Signal }{
			{syscall.SIGUSR1, syscall.SIGUSR2}, // an hour ahead of the nodes
			{syscall.SIGUSR2, syscall.SIGUSR1}, // an hour behind them
		} {
			settled(ctx)
			o.Signal(jump.away)
			for _, node := range nodes {
				// An operator that has judged no reading of a node yet leaves a fresh order alone for maxAgeSeconds.
				Eventually(k8s.Order(ctx, node)).WithTimeout(3*time.Minute).
					Should(WithTransform(harness.Ready, Not(Equal(v1alpha1.ReasonUsageFresh))), node)
			}
			o.Signal(jump.back)
		}
	}, SpecTimeout(20*time.Minute))
})

// maxAge makes readings stale at that age. The default, three minutes, is more than a scene has to wait.
func maxAge(ctx context.Context, age time.Duration) {
	GinkgoHelper()
	policy := &v1alpha1.KillOrderPolicy{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName}}
	patch := fmt.Sprintf(`{"spec": {"usage": {"maxAgeSeconds": %d}}}`, int(age.Seconds()))
	Expect(k8s.Patch(ctx, policy, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
}

// managedFields of the orders: who owns what.
func managedFields(ctx context.Context) (fields []string) {
	for _, node := range nodes {
		for _, f := range k8s.Order(ctx, node)().ManagedFields {
			fields = append(fields, fmt.Sprint(node, " ", f.Manager, " ", f.Operation, " ", f.Subresource))
		}
	}
	return fields
}

// each calls do with 0 to n-1, some at a time.
func each(n int, do func(i int)) {
	GinkgoHelper()
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			defer GinkgoRecover()
			for i := range numbers {
				do(i)
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	workers.Wait()
}
