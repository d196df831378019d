// Package kills follows what kubelets leave of killed pods to the orders, the counters, the Events and the policy's status.
package kills

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/integration/harness"
)

// limited gives a pod's container a memory limit and a container ID.
func limited(limit string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)}
	}
}

// oomKilled writes what a kubelet leaves when the kernel killed the container and it was started anew.
func oomKilled(ctx context.Context, pod *corev1.Pod, digit string) {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
	now := metav1.Now()
	s := &pod.Status.ContainerStatuses[0]
	s.RestartCount++
	s.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		Reason: "OOMKilled", ExitCode: 137, FinishedAt: now, StartedAt: metav1.NewTime(now.Add(-time.Minute)),
		ContainerID: "containerd://" + strings.Repeat(digit, 64),
	}}
	s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}

const lowOnMemory = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. " +
	"Container app was using 200Mi, request is 0, has larger consumption of memory. "

// evicted writes what a kubelet leaves of a pod that it evicted for memory: first the Event, then the status.
func evicted(ctx context.Context, pod *corev1.Pod) {
	GinkgoHelper()
	now := metav1.Now()
	event := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pod.Namespace, Name: pod.Name + ".evicted",
			Annotations: map[string]string{"starved_resource": "memory", "offending_containers": "app", "offending_containers_usage": "200Mi"},
		},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Reason:         "Evicted", Type: corev1.EventTypeWarning, Message: lowOnMemory, Count: 1, FirstTimestamp: now, LastTimestamp: now,
		Source: corev1.EventSource{Component: "kubelet", Host: pod.Spec.NodeName},
	}
	Expect(k8s.Create(ctx, event)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { _ = k8s.Delete(ctx, event) })
	ended(ctx, pod, "Evicted", lowOnMemory, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: corev1.PodReasonTerminationByKubelet, Message: lowOnMemory, LastTransitionTime: now,
	})
}

func ended(ctx context.Context, pod *corev1.Pod, reason, message string, conditions ...corev1.PodCondition) {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
	pod.Status.Phase, pod.Status.Reason, pod.Status.Message = corev1.PodFailed, reason, message
	pod.Status.Conditions = append(pod.Status.Conditions, conditions...)
	for i := range pod.Status.ContainerStatuses {
		pod.Status.ContainerStatuses[i].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Reason: "ContainerStatusUnknown", ExitCode: 137,
		}}
	}
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}

// told lists the pods that PodKilled Events are about.
func told(ctx context.Context) func() []string {
	return func() (pods []string) {
		list := &eventsv1.EventList{}
		if err := k8s.List(ctx, list); err != nil {
			return nil
		}
		for i := range list.Items {
			if e := &list.Items[i]; e.Reason == "PodKilled" {
				pods = append(pods, e.Regarding.Name)
			}
		}
		return pods
	}
}

// killed lists the kills of an order, newest first, as cause and pod.
func killed(o *v1alpha1.NodeKillOrder) (kills []string) {
	for i := range o.Status.Kills {
		kills = append(kills, fmt.Sprintf("%s %s", o.Status.Kills[i].Cause, o.Status.Kills[i].Pod))
	}
	return kills
}

// aSecondAfter waits until the order's status is older than the present second: a kill is compared with what was
// published before it, and times are whole seconds.
func aSecondAfter(o *v1alpha1.NodeKillOrder) {
	GinkgoHelper()
	Eventually(time.Now).Should(BeTemporally(">", o.Status.LastChangedAt.Add(time.Second)))
}

const (
	// atOnce is well below the 30 s for which a change that is not urgent waits.
	atOnce = 20 * time.Second
	// counted is well above the 70 s for which a new process counts nothing.
	counted = 3 * time.Minute
)

// rolledUp sums the kills that the policy's status counts.
func rolledUp(ctx context.Context) func() int32 {
	return func() (n int32) {
		for _, count := range k8s.Policy(ctx)().Status.Kills {
			n += count
		}
		return n
	}
}

// rollUpNow changes the policy, whose status the operator then writes at once. Without a change the operator writes
// the status once a minute.
func rollUpNow(ctx context.Context, topN int32) {
	GinkgoHelper()
	k8s.ChangePolicy(ctx, func(spec *v1alpha1.KillOrderPolicySpec) { spec.TopN = topN })
}

var _ = Describe("Kills", func() {
	It("are shown within seconds, told once, counted once, and found after a crash", func(ctx SpecContext) {
		address := harness.FreeAddress()
		start := func() *harness.Operator {
			return harness.StartOperator(manager, kubeconf, "--leader-elect=false", "--usage-interval=5s", "--metrics-bind-address="+address)
		}
		operator, scraper := start(), harness.NewScraper(ctx, k8s)
		samples := func(words ...string) float64 { return scraper.Sum(ctx, address, words...) }
		hog := k8s.CreatePod(ctx, "worker-1", "hog", "32Mi", limited("64Mi"))
		victim := k8s.CreatePod(ctx, "worker-1", "victim", "")
		refused := k8s.CreatePod(ctx, "worker-1", "refused", "1Gi")
		later := k8s.CreatePod(ctx, "worker-1", "later", "32Mi", limited("64Mi"))
		node := k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("Status.EvictionOrder", HaveLen(4)))
		Eventually(func() float64 { return samples("killorder_kills_total") }).Should(BeZero(), "the counters are there from the start")

		aSecondAfter(k8s.Order(ctx, "worker-1")())
		evicted(ctx, victim)
		Eventually(k8s.Order(ctx, "worker-1")).WithTimeout(atOnce).Should(WithTransform(killed, Equal([]string{"Eviction victim"})))
		// The Event comes first; the pod's condition leaves no doubt.
		Eventually(k8s.Order(ctx, "worker-1")).WithTimeout(atOnce).Should(HaveField("Status.Kills", ConsistOf(And(
			HaveField("Confidence", v1alpha1.ConfidenceHigh), HaveField("Container", ""),
			HaveField("Predicted", And(Not(BeNil()), HaveField("Killer", v1alpha1.KillerEviction), HaveField("Rank", BeEquivalentTo(1)))),
		))))
		o := k8s.Order(ctx, "worker-1")()
		Expect(o.Status.Summary.LastKill).To(HaveSuffix(" Eviction default/victim"))

		aSecondAfter(o)
		oomKilled(ctx, hog, "a")
		ended(ctx, refused, "Evicted", "Pod was rejected: The node had condition: [MemoryPressure]. ")
		Eventually(k8s.Order(ctx, "worker-1")).WithTimeout(atOnce).Should(WithTransform(killed, HaveLen(2)))
		o = k8s.Order(ctx, "worker-1")()
		GinkgoWriter.Printf("kills: %+v\n", o.Status.Kills)
		Expect(o.Status.Kills[0]).To(And(HaveField("Pod", "hog"), HaveField("Container", "app"), HaveField("ContainerID", "aaaaaaaaaaaa"),
			HaveField("ExitCode", HaveValue(BeEquivalentTo(137)))))

		Eventually(told(ctx)).Should(ConsistOf("victim", "hog"))
		Eventually(func() float64 { return samples("killorder_kills_total") }).WithTimeout(counted).Should(BeEquivalentTo(2))
		Expect(samples("killorder_kills_total", `cause="Eviction"`, `confidence="High"`, `qos="BestEffort"`, `critical="false"`)).To(BeEquivalentTo(1))
		Expect(samples("killorder_predictions_first_victim_total", `killer="Eviction"`)).To(BeEquivalentTo(1))
		Expect(samples("killorder_kill_predicted_rank_bucket", `killer="Eviction"`, `le="1"`)).To(BeEquivalentTo(1))
		rollUpNow(ctx, 9)
		Eventually(rolledUp(ctx)).Should(BeEquivalentTo(2))
		Expect(k8s.Policy(ctx)().Status.Predictions).To(HaveField("FirstVictim", BeEquivalentTo(1)))

		operator.Kill()
		Eventually(operator).Should(gexec.Exit())
		oomKilled(ctx, later, "b") // while nobody looks
		start()
		Eventually(k8s.Order(ctx, "worker-1")).Should(WithTransform(killed, HaveLen(3)))
		Expect(k8s.Order(ctx, "worker-1")().Status.Kills[0]).To(HaveField("Pod", "later"))
		Eventually(told(ctx)).Should(ConsistOf("victim", "hog", "later"))
		Eventually(func() float64 { return samples("killorder_kills_total") }).WithTimeout(counted).Should(BeEquivalentTo(1),
			"the new process counts the new kill alone")
		rollUpNow(ctx, 10)
		Eventually(rolledUp(ctx)).Should(BeEquivalentTo(3))
		Consistently(told(ctx), 5*time.Second).Should(ConsistOf("victim", "hog", "later"))
		Expect(k8s.Order(ctx, "worker-1")()).To(WithTransform(killed, HaveLen(3)))

		Expect(k8s.Delete(ctx, node)).To(Succeed()) // while an operator is there to delete the order
		Eventually(k8s.OrderGone(ctx, "worker-1")).Should(BeTrue())
	}, SpecTimeout(8*time.Minute))
})
