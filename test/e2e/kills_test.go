package e2e

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/e2e/node"
)

// The other scenes expect their own kills: by limit, eviction and kubepods. The scenes here have ends of pods that look like
// kills and are none, and a kill that does not look like one. After all scenes, the ledger checks that status.kills never
// showed an end that was no kill.
var _ = ginkgo.Describe("what ended a pod", ginkgo.Ordered, ginkgo.ContinueOnFailure, func() {
	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) { configure(ctx, single(evicting)) }, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterEach(remove, ginkgo.NodeTimeout(patience(3*time.Minute)))

	ginkgo.It("is told where a child process was killed, and its container lived on", func(ctx ginkgo.SpecContext) {
		parent := hog{name: "outlives-child", holds: 20, request: 64, limit: 200, child: 400}
		log := openKernelLog()
		defer log.close()
		create(ctx, parent)
		c := container(ctx, parent.name)
		folder := machine.Host.CgroupFolder(memoryGroup(ctx, c.PID))
		gomega.Eventually(func() int { return oomKills(ctx, folder) }).WithContext(ctx).
			WithTimeout(patience(time.Minute)).WithPolling(100*time.Millisecond).Should(gomega.BeNumerically(">", 0), "the kernel kills the child")
		kill := log.killsIn(c.PodUID)[0] // empty where the kernel has logged too many kills of other programs
		// Until the child's memory is free, the kernel would kill the parent for the next page or thread that it asks for.
		gomega.Eventually(func(g gomega.Gomega) []string {
			processes, err := machine.Host.ReadFile(ctx, filepath.Join(folder, "cgroup.procs"))
			g.Expect(err).NotTo(gomega.HaveOccurred())
			return strings.Fields(string(processes))
		}).WithContext(ctx).WithTimeout(patience(30*time.Second)).Should(gomega.HaveLen(1), "the child is gone")
		gomega.Expect(ended(ctx, c.PID)).To(gomega.BeFalse(), "the container lives on")
		gomega.Expect(machine.Host.Signal(ctx, c.PID, syscall.SIGUSR2)).To(gomega.Succeed())
		end := awaitEnd(ctx, parent.name)
		say("child: killed in the scope %q; its container ended by itself: %s %d", kill.scope, end.Reason, end.ExitCode)
		gomega.Expect(end.ExitCode).To(gomega.Equal(int32(3)), "%+v; kills logged since: %v", end, log.kills())
		expectKill(ctx, parent.name, "main", v1alpha1.CauseProcessOOM)
	}, ginkgo.SpecTimeout(patience(5*time.Minute)))

	ginkgo.It("is no kill where the kubelet preempts, a drain evicts, or a probe fails", func(ctx ginkgo.SpecContext) {
		create(ctx, hog{name: "drained", holds: 40}, hog{name: "probed", holds: 40, probed: true}, hog{name: "preempted", holds: 40, request: 1200})
		drained := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: scenes, Name: "drained"}}
		gomega.Expect(api.SubResource("eviction").Create(ctx, drained, &policyv1.Eviction{})).To(gomega.Succeed())
		critical := hog{name: "preempts", holds: 40, request: 1600, priorityClass: "system-node-critical", bound: true}
		gomega.Expect(api.Create(ctx, critical.pod())).To(gomega.Succeed())
		gomega.Eventually(func(g gomega.Gomega) {
			err := api.Get(ctx, client.ObjectKeyFromObject(drained), drained)
			g.Expect(apierrors.IsNotFound(err)).To(gomega.BeTrue(), "the drained pod is gone: %v", err)
		}).WithContext(ctx).WithTimeout(patience(time.Minute)).WithPolling(time.Second).Should(gomega.Succeed())
		probed, preempted := awaitEnd(ctx, "probed"), awaitEnd(ctx, "preempted")
		say("no kill: probe: %s %d; preempted: %s %d, %s", probed.Reason, probed.ExitCode, preempted.Reason, preempted.ExitCode, podReason(ctx, "preempted"))
		gomega.Expect(probed.ExitCode).To(gomega.Equal(int32(137)))
		gomega.Expect(podReason(ctx, "preempted")).To(gomega.Equal("Preempting"))
	}, ginkgo.SpecTimeout(patience(5*time.Minute)))
})

// memoryGroup is the control group of a process, below the suite's group, as the memory controller knows it.
func memoryGroup(ctx ginkgo.SpecContext, pid int) (group string) {
	ginkgo.GinkgoHelper()
	text, err := machine.Host.ReadFile(ctx, fmt.Sprintf("/proc/%d/cgroup", pid))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	for line := range strings.Lines(string(text)) { // number:controllers:path; cgroup v2 has number 0 and no controllers
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		if controllers == "memory" || (controllers == "" && machine.Host.Unified()) {
			group = path
		}
	}
	gomega.Expect(group).NotTo(gomega.BeEmpty(), "%s", text)
	return strings.TrimPrefix(group, strings.TrimSuffix(machine.Host.CgroupRoot(), "/"))
}

// oomKills is how many processes of a control group the kernel has killed for want of memory.
func oomKills(ctx ginkgo.SpecContext, folder string) (kills int) {
	ginkgo.GinkgoHelper()
	file := "memory.oom_control"
	if machine.Host.Unified() {
		file = "memory.events"
	}
	text, err := machine.Host.ReadFile(ctx, filepath.Join(folder, file))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			kills, err = strconv.Atoi(strings.TrimSpace(count))
			gomega.Expect(err).NotTo(gomega.HaveOccurred())
		}
	}
	return kills
}

// single is the given setting, but the kernel kills one process of a container and not all of them. On cgroup v1 the kernel
// always does so.
func single(m node.Memory) node.Memory {
	m.SingleProcess = true
	return m
}

// awaitEnd waits for the end of a pod's only container.
func awaitEnd(ctx ginkgo.SpecContext, name string) (end corev1.ContainerStateTerminated) {
	ginkgo.GinkgoHelper()
	gomega.Eventually(func(g gomega.Gomega) {
		var p corev1.Pod
		g.Expect(api.Get(ctx, client.ObjectKey{Namespace: scenes, Name: name}, &p)).To(gomega.Succeed())
		g.Expect(p.Status.ContainerStatuses).NotTo(gomega.BeEmpty(), name)
		g.Expect(p.Status.ContainerStatuses[0].State.Terminated).NotTo(gomega.BeNil(), name)
		end = *p.Status.ContainerStatuses[0].State.Terminated
	}).WithContext(ctx).WithTimeout(patience(time.Minute)).WithPolling(200 * time.Millisecond).Should(gomega.Succeed())
	return end
}

func podReason(ctx ginkgo.SpecContext, name string) string {
	ginkgo.GinkgoHelper()
	var p corev1.Pod
	gomega.Expect(api.Get(ctx, client.ObjectKey{Namespace: scenes, Name: name}, &p)).To(gomega.Succeed())
	return p.Status.Reason
}
