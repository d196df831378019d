package e2e

import (
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
)

// roleForKubelets is what config/default calls the role of the account that kubelets see, statsRight the right that one
// scene takes away.
const (
	roleForKubelets = "killorder-kubelet-reader-role"
	statsRight      = "nodes/stats"
)

// denied is when the operator lacked a right, for the audit in the end.
var denied struct{ from, until time.Time }

var _ = ginkgo.Describe("sources", ginkgo.Ordered, func() {
	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) { configure(ctx, evicting) }, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterAll(func(ctx ginkgo.SpecContext) { setSource(ctx, v1alpha1.PreferAuto) }, ginkgo.NodeTimeout(time.Minute))

	ginkgo.It("follow the policy without a restart", func(ctx ginkgo.SpecContext) {
		awaitSource(ctx, v1alpha1.UsageSourceKubelet)
		for _, change := range []struct {
			wanted v1alpha1.UsagePreference
			source v1alpha1.UsageSource
		}{
			{v1alpha1.PreferMetricsAPI, v1alpha1.UsageSourceMetricsAPI},
			{v1alpha1.PreferKubelet, v1alpha1.UsageSourceKubelet},
		} {
			began := time.Now()
			setSource(ctx, change.wanted)
			awaitSource(ctx, change.source)
			say("sources: spec.usage.source %s: status.usage.source %s after %.1f s", change.wanted, change.source, time.Since(began).Seconds())
		}
		operatorAvailable(ctx, gomega.Default)
	}, ginkgo.SpecTimeout(patience(8*time.Minute)))

	// The scene before leaves Kubelet, which never falls back: that the order does shows that the operator has seen Auto.
	ginkgo.It("fall back where the right is taken away, say why, and return with it", func(ctx ginkgo.SpecContext) {
		setSource(ctx, v1alpha1.PreferAuto)
		awaitSource(ctx, v1alpha1.UsageSourceKubelet)
		gomega.Expect(readyMessage(order(ctx))).NotTo(gomega.ContainSubstring("orbidden"))
		denied.from = time.Now()
		restore := takeRight(ctx)
		ginkgo.DeferCleanup(restore, ginkgo.NodeTimeout(time.Minute)) // also where this spec fails
		awaitSource(ctx, v1alpha1.UsageSourceMetricsAPI)
		var message string
		gomega.Eventually(func() string { message = readyMessage(order(ctx)); return message }).
			WithTimeout(time.Minute).WithPolling(time.Second).Should(gomega.MatchRegexp("403|[Ff]orbidden"))
		say("sources: without %s: status.usage.source MetricsAPI after %.1f s, Ready: %q", statsRight, time.Since(denied.from).Seconds(), message)
		began := time.Now()
		restore(ctx)
		awaitSource(ctx, v1alpha1.UsageSourceKubelet)
		gomega.Eventually(func() string { return readyMessage(order(ctx)) }).
			WithTimeout(time.Minute).WithPolling(time.Second).ShouldNot(gomega.MatchRegexp("403|[Ff]orbidden"))
		denied.until = time.Now()
		say("sources: with it again: status.usage.source Kubelet after %.1f s", denied.until.Sub(began).Seconds())
		operatorAvailable(ctx, gomega.Default)
	}, ginkgo.SpecTimeout(patience(15*time.Minute)))
})

func setSource(ctx ginkgo.SpecContext, source v1alpha1.UsagePreference) {
	ginkgo.GinkgoHelper()
	var policy v1alpha1.KillOrderPolicy
	gomega.Expect(api.Get(ctx, client.ObjectKey{Name: v1alpha1.PolicyName}, &policy)).To(gomega.Succeed())
	before := policy.DeepCopy()
	policy.Spec.Usage.Source = source
	gomega.Expect(api.Patch(ctx, &policy, client.MergeFrom(before))).To(gomega.Succeed())
}

// awaitSource waits for an order by that source, longer than the operator waits before it tries a kubelet again.
func awaitSource(ctx ginkgo.SpecContext, source v1alpha1.UsageSource) {
	ginkgo.GinkgoHelper()
	gomega.Eventually(func() v1alpha1.UsageSource { return order(ctx).Status.Usage.Source }).
		WithTimeout(6 * time.Minute).WithPolling(500 * time.Millisecond).Should(gomega.Equal(source))
}

func readyMessage(o *v1alpha1.NodeKillOrder) string {
	ready := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return ""
	}
	return ready.Message
}

// takeRight takes statsRight from the account that kubelets see, and returns what gives it back.
func takeRight(ctx ginkgo.SpecContext) (restore func(ginkgo.SpecContext)) {
	ginkgo.GinkgoHelper()
	var role rbacv1.ClusterRole
	key := client.ObjectKey{Name: roleForKubelets}
	gomega.Expect(api.Get(ctx, key, &role)).To(gomega.Succeed())
	full := role.DeepCopy()
	taken := 0
	for i := range role.Rules {
		r := &role.Rules[i]
		before := len(r.Resources)
		r.Resources = slices.DeleteFunc(r.Resources, func(resource string) bool { return resource == statsRight })
		taken += before - len(r.Resources)
	}
	gomega.Expect(taken).To(gomega.Equal(1), "rules with %s", statsRight)
	role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return len(r.Resources)+len(r.NonResourceURLs) == 0 })
	gomega.Expect(api.Update(ctx, &role)).To(gomega.Succeed())
	return func(ctx ginkgo.SpecContext) {
		ginkgo.GinkgoHelper()
		var role rbacv1.ClusterRole
		gomega.Expect(api.Get(ctx, key, &role)).To(gomega.Succeed())
		role.Rules = full.Rules
		gomega.Expect(api.Update(ctx, &role)).To(gomega.Succeed())
	}
}
