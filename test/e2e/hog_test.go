package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/e2e/node"
)

// step is how much more memory a hog holds after each signal, in MiB.
const step = 10

// hog is a pod that holds memory. Amounts are in MiB, 0 for none.
type hog struct {
	name           string
	holds          int
	request, limit int
	// swaps is the part of holds that the scene has swapped out.
	swaps         int
	priorityClass string
	// image that no registry has, in place of memhog.
	image string
	// sidecar also gets a restartable init container that requests and holds this much.
	sidecar int
	// podRequest is a pod-level request.
	podRequest int
	// child is what a child process tries to hold.
	child int
	// probed by a liveness probe that fails.
	probed bool
	// bound to the node without the scheduler, which would keep the pod away from a node without room or under pressure.
	bound bool
}

// trigger is the pod that brings the node down without ever being chosen: the kubelet does not evict
// system-node-critical pods, and their oom_score_adj is as low as can be.
func trigger(name string) hog { return hog{name: name, priorityClass: "system-node-critical"} }

func (h *hog) pod() *corev1.Pod {
	never, grace := false, int64(1)
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: scenes, Name: h.name},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, TerminationGracePeriodSeconds: &grace,
			AutomountServiceAccountToken: &never, PriorityClassName: h.priorityClass,
			HostNetwork: *onVM, // the virtual machine has no network for pods, and no pod of the scenes needs one
			Containers:  []corev1.Container{memhog("main", h.holds, h.request, h.limit)},
		},
	}
	if h.image != "" {
		p.Spec.Containers[0].Image, p.Spec.Containers[0].ImagePullPolicy = h.image, corev1.PullIfNotPresent
	}
	if h.sidecar > 0 {
		always, sidecar := corev1.ContainerRestartPolicyAlways, memhog("sidecar", h.sidecar, h.sidecar, 0)
		sidecar.RestartPolicy = &always
		p.Spec.InitContainers = []corev1.Container{sidecar}
	}
	if h.child > 0 {
		p.Spec.Containers[0].Args = append(p.Spec.Containers[0].Args, fmt.Sprintf("-child-mib=%d", h.child))
	}
	if h.probed {
		p.Spec.Containers[0].LivenessProbe = &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/memhog", "-fail"}}},
			PeriodSeconds: 1, FailureThreshold: 1, TimeoutSeconds: int32(patience(10 * time.Second).Seconds()), InitialDelaySeconds: 5,
		}
	}
	if h.bound {
		p.Spec.NodeName = node.Name
	}
	if h.podRequest > 0 {
		p.Spec.Resources = &corev1.ResourceRequirements{Requests: memoryList(h.podRequest)}
	}
	return p
}

func memhog(name string, holds, request, limit int) corev1.Container {
	c := corev1.Container{
		Name: name, Image: hogImage, ImagePullPolicy: corev1.PullNever,
		Args:      []string{fmt.Sprintf("-mib=%d", holds), fmt.Sprintf("-step=%d", step)},
		Resources: corev1.ResourceRequirements{Requests: memoryList(request), Limits: memoryList(limit)},
	}
	if request > 0 && request == limit { // Guaranteed, with a CPU to go with it
		c.Resources.Limits[corev1.ResourceCPU] = resource.MustParse("100m")
		c.Resources.Requests[corev1.ResourceCPU] = resource.MustParse("100m")
	}
	return c
}

func memoryList(mib int) corev1.ResourceList {
	if mib == 0 {
		return nil
	}
	return corev1.ResourceList{corev1.ResourceMemory: *resource.NewQuantity(int64(mib)*mebibyte, resource.BinarySI)}
}

// create makes the pods and waits until all run that can.
func create(ctx ginkgo.SpecContext, hogs ...hog) {
	ginkgo.GinkgoHelper()
	for i := range hogs {
		gomega.Expect(api.Create(ctx, hogs[i].pod())).To(gomega.Succeed())
	}
	gomega.Eventually(func(g gomega.Gomega) {
		for _, h := range hogs {
			var p corev1.Pod
			g.Expect(api.Get(ctx, client.ObjectKey{Namespace: scenes, Name: h.name}, &p)).To(gomega.Succeed())
			if h.image == "" {
				g.Expect(p.Status.Phase).To(gomega.Equal(corev1.PodRunning), "%s: %s %s", h.name, p.Status.Reason, p.Status.Message)
			} else {
				g.Expect(p.Status.ContainerStatuses).NotTo(gomega.BeEmpty(), h.name)
				g.Expect(p.Status.ContainerStatuses[0].State.Waiting).NotTo(gomega.BeNil(), h.name)
				g.Expect(p.Status.ContainerStatuses[0].State.Waiting.Reason).To(gomega.Equal("ImagePullBackOff"), h.name)
			}
		}
	}).WithTimeout(patience(2 * time.Minute)).WithPolling(time.Second).Should(gomega.Succeed())
}

// remove deletes all pods of the scenes, and waits until the node is as before.
func remove(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	gomega.Expect(api.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(scenes), client.GracePeriodSeconds(1))).To(gomega.Succeed())
	gomega.Eventually(func(g gomega.Gomega) {
		var pods corev1.PodList
		g.Expect(api.List(ctx, &pods, client.InNamespace(scenes))).To(gomega.Succeed())
		g.Expect(pods.Items).To(gomega.BeEmpty())
		operatorAvailable(ctx, g)
		var n corev1.Node
		g.Expect(api.Get(ctx, client.ObjectKey{Name: node.Name}, &n)).To(gomega.Succeed())
		g.Expect(n.Spec.Taints).To(gomega.BeEmpty())
		for _, c := range n.Status.Conditions {
			g.Expect(c.Type == corev1.NodeMemoryPressure && c.Status != corev1.ConditionFalse).To(gomega.BeFalse(), "memory pressure")
		}
	}).WithTimeout(patience(2 * time.Minute)).WithPolling(time.Second).Should(gomega.Succeed())
}

// container of a pod of the scenes, as the runtime knows it.
func container(ctx ginkgo.SpecContext, pod string) node.Container {
	ginkgo.GinkgoHelper()
	all, err := machine.Runtime.Containers(ctx, scenes)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	i := slices.IndexFunc(all, func(c node.Container) bool { return c.Pod == pod })
	gomega.Expect(i).To(gomega.BeNumerically(">=", 0), "no container of %s runs", pod)
	return all[i]
}

// stepTime is how long to wait until a step is held. On a node without free memory, a process may wait minutes for its step,
// and the kernel kills no process until some process asks for more.
const stepTime = time.Second

// push makes a pod hold more and more until done returns true, or the pod is gone. Each step is asked for only when the step
// before is held, if possible: otherwise steps that wait would still be taken after the end.
func push(ctx ginkgo.SpecContext, pod string, done func() bool) {
	ginkgo.GinkgoHelper()
	pid := container(ctx, pod).PID
	for held := resident(ctx, pid); !done(); {
		if machine.Host.Signal(ctx, pid, syscall.SIGUSR1) != nil {
			done() // it has just died: the caller wants to see that
			return
		}
		want := held + step - 1
		asked := time.Now()
		for held = resident(ctx, pid); held < want && held > 0 && time.Since(asked) < stepTime && !done(); held = resident(ctx, pid) {
			select {
			case <-ctx.Done():
				ginkgo.Fail("the pod " + pod + " grew too slowly")
			case <-time.After(10 * time.Millisecond): // for the memory to be touched
			}
		}
	}
}

// resident is what a process holds, in MiB, in memory and in swap; 0 if the process has ended.
func resident(ctx ginkgo.SpecContext, pid int) (mib int) {
	status, err := machine.Host.ReadFile(ctx, fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		name, amount, _ := strings.Cut(line, ":")
		if name == "VmRSS" || name == "VmSwap" {
			kibibytes := 0
			_, err := fmt.Sscan(amount, &kibibytes)
			gomega.Expect(err).NotTo(gomega.HaveOccurred(), line)
			mib += kibibytes / 1024
		}
	}
	return mib
}

// awaitOrder returns the published order once it shows all hogs with what they hold.
func awaitOrder(ctx ginkgo.SpecContext, hogs ...hog) (o *v1alpha1.NodeKillOrder) {
	ginkgo.GinkgoHelper()
	gomega.Eventually(func(g gomega.Gomega) {
		o = order(ctx)
		g.Expect(o.Status.Usage).NotTo(gomega.BeNil(), "no order yet")
		g.Expect(o.Status.Usage.Source).To(gomega.Equal(v1alpha1.UsageSourceKubelet))
		shows(g, o, hogs)
	}).WithTimeout(patience(3*time.Minute)).WithPolling(time.Second).Should(gomega.Succeed(), func() string { return state(o) })
	return o
}

// state is what an order says of its readings, for the message of a test that waited for other readings in vain.
func state(o *v1alpha1.NodeKillOrder) string {
	if o == nil {
		return "no order"
	}
	s := format.Object(o.Status.Usage, 0)
	for _, c := range o.Status.Conditions {
		s += fmt.Sprintf("\n%s=%s since %s, %s: %s", c.Type, c.Status, c.LastTransitionTime, c.Reason, c.Message)
	}
	for _, v := range o.Status.EvictionOrder {
		s += fmt.Sprintf("\n%s uses %s", v.Pod, v.Usage)
	}
	return s
}

// awaitOrders returns the published order and the order by metrics.k8s.io alone, once both show all hogs with what they
// hold.
func awaitOrders(ctx ginkgo.SpecContext, hogs ...hog) (published, byMetrics *v1alpha1.NodeKillOrder) {
	ginkgo.GinkgoHelper()
	gomega.Eventually(func(g gomega.Gomega) {
		byMetrics = metricsOnly(ctx)
		g.Expect(byMetrics.Status.Usage.Source).To(gomega.Equal(v1alpha1.UsageSourceMetricsAPI))
		shows(g, byMetrics, hogs)
	}).WithTimeout(patience(3 * time.Minute)).WithPolling(time.Second).Should(gomega.Succeed())
	return awaitOrder(ctx, hogs...), byMetrics
}

// shows expects all hogs with what they hold.
func shows(g gomega.Gomega, o *v1alpha1.NodeKillOrder, hogs []hog) {
	for _, h := range hogs {
		i := slices.IndexFunc(o.Status.EvictionOrder, func(v v1alpha1.EvictionVictim) bool { return v.Pod == h.name })
		g.Expect(i).To(gomega.BeNumerically(">=", 0), "%s is not in the order", h.name)
		v := o.Status.EvictionOrder[i]
		if h.image != "" {
			g.Expect(v.Reason).To(gomega.Equal(v1alpha1.EvictionReason("NoKubeletStats")), h.name)
			continue
		}
		g.Expect(v.Usage).NotTo(gomega.BeNil(), "%s has no reading", h.name)
		holds := h.holds + h.sidecar - h.swaps
		// The operator publishes a new reading only when it differs by more than 16Mi or 5%; the program itself takes some
		// MiB.
		g.Expect(v.Usage.Value()/mebibyte).To(gomega.BeNumerically("~", holds+5, max(20, holds/20)), h.name)
	}
}
