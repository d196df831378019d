package e2e

import (
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
)

var _ = ginkgo.Describe("a container that exceeds its own limit", ginkgo.Ordered, func() {
	hogs := []hog{
		{name: "far-from-limit", holds: 120, request: 64, limit: 400},
		{name: "near-limit", holds: 170, request: 64, limit: 200},
		{name: "halfway", holds: 100, request: 64, limit: 200},
		{name: "no-limit", holds: 250},
	}
	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) { configure(ctx, evicting) }, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterAll(remove, ginkgo.NodeTimeout(patience(3*time.Minute)))

	ginkgo.It("was the first of limitOrder", func(ctx ginkgo.SpecContext) {
		create(ctx, hogs...)
		published := awaitOrder(ctx, hogs...)
		gomega.Expect(published.Status.LimitOrder).NotTo(gomega.BeEmpty())
		first := published.Status.LimitOrder[0]
		kill := firstKill(ctx, "near-limit")
		var dead corev1.Pod
		gomega.Expect(api.Get(ctx, client.ObjectKey{Namespace: scenes, Name: "near-limit"}, &dead)).To(gomega.Succeed())
		say("limit: the kernel killed %s in the scope %q; limitOrder had %s first, at %d%% of its limit",
			kill.pod, kill.scope, first.Pod, first.Percent)
		gomega.Expect(kill.pod).To(gomega.Equal("near-limit"))
		if kill.scope != "" {
			gomega.Expect(kill.scope).To(gomega.ContainSubstring("/pod"+string(dead.UID)), "it hit its own limit")
		}
		gomega.Expect(first.Pod).To(gomega.Equal("near-limit"))
		gomega.Expect(published.Status.Summary.FirstAtLimit).To(gomega.Equal(scenes + "/near-limit"))
		gomega.Eventually(func(g gomega.Gomega) {
			g.Expect(api.Get(ctx, client.ObjectKeyFromObject(&dead), &dead)).To(gomega.Succeed())
			g.Expect(dead.Status.ContainerStatuses).NotTo(gomega.BeEmpty())
			end := dead.Status.ContainerStatuses[0].State.Terminated
			g.Expect(end).NotTo(gomega.BeNil())
			g.Expect(end.Reason).To(gomega.Equal("OOMKilled"))
			g.Expect(end.ExitCode).To(gomega.Equal(int32(137)))
		}).WithTimeout(patience(time.Minute)).WithPolling(200 * time.Millisecond).Should(gomega.Succeed())
		expectKill(ctx, "near-limit", "main", v1alpha1.CauseContainerLimit)
	}, ginkgo.SpecTimeout(patience(6*time.Minute)))
})
