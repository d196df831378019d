package e2e

import (
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/e2e/node"
)

// smallMemory is the memory of the virtual machine, in MiB, for the scene in which the whole virtual machine has to run out
// of memory.
const smallMemory = 2560

// unlimited gives kubepods no limit and the kubelet no threshold: only the kernel kills, and only once the machine has no
// memory left.
var unlimited = node.Memory{Limit: 1600 * mebibyte, Threshold: "0%", Unenforced: true}

// This machine must not run out of memory for a test, but a virtual machine may. In this scene the virtual machine has less
// memory than in the others.
var _ = ginkgo.Describe("the kernel on a node without memory", ginkgo.Ordered, func() {
	hogs := []hog{
		{name: "node-besteffort", holds: 100},
		{name: "node-burstable", holds: 300, request: 100},
		{name: "node-large-request", holds: 400, request: 900},
		{name: "node-guaranteed", holds: 100, request: 150, limit: 150},
	}
	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) {
		if virtual == nil {
			ginkgo.Skip("this machine must not run out of memory")
		}
		gomega.Expect(machine.Reboot(ctx, virtual, smallMemory, unlimited)).To(gomega.Succeed())
		told = unlimited
	}, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterAll(func(ctx ginkgo.SpecContext) {
		if virtual == nil {
			return
		}
		remove(ctx)
		gomega.Expect(machine.Reboot(ctx, virtual, vmMemory, evicting)).To(gomega.Succeed())
		told = evicting
	}, ginkgo.NodeTimeout(patience(6*time.Minute)))

	ginkgo.It("takes the predicted first victim, and the kubelet tells of a SystemOOM", func(ctx ginkgo.SpecContext) {
		grower := trigger("node-trigger")
		create(ctx, append(hogs, grower)...)
		o := awaitOrder(ctx, hogs...)
		kill := firstKill(ctx, grower.name)
		first := o.Status.OOMOrder[0]
		say("node: killed %s in the scope %q; oomOrder (scope %s) had %s first", kill.pod, kill.scope, o.Status.Memory.OOMScope, first.Pod)
		gomega.Expect(kill.scope).To(gomega.BeElementOf(wholeNode, ""))
		gomega.Expect(o.Status.Memory.OOMScope).To(gomega.Equal(v1alpha1.OOMScopeNode))
		gomega.Expect(kill.pod).To(gomega.Equal(first.Pod), "%+v", o.Status.OOMOrder)
		end := awaitEnd(ctx, kill.pod)
		gomega.Eventually(func(g gomega.Gomega) {
			var events corev1.EventList
			g.Expect(api.List(ctx, &events, client.MatchingFields{"reason": "SystemOOM"})).To(gomega.Succeed())
			g.Expect(events.Items).NotTo(gomega.BeEmpty(), "SystemOOM Events")
		}).WithContext(ctx).WithTimeout(patience(time.Minute)).WithPolling(time.Second).Should(gomega.Succeed())
		say("node: the container ended as %s %d; the node has a SystemOOM Event", end.Reason, end.ExitCode)
		kill.expectKills(ctx, v1alpha1.CauseNodeOOM)
	}, ginkgo.SpecTimeout(patience(6*time.Minute)))
})
