package e2e

import (
	"cmp"
	"fmt"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/test/e2e/node"
)

// noticed is how long the operator may take to see that a kubelet has other settings.
const noticed = 90 * time.Second

// Each scene restarts the kubelet with other settings, and the operator has to notice that by itself.
var _ = ginkgo.Describe("configuration", ginkgo.Ordered, func() {
	for _, setting := range []struct {
		name   string
		memory func(ctx ginkgo.SpecContext) node.Memory
	}{
		{"a percentage, a soft threshold and two reservations", sharing},
		{"no threshold", func(ginkgo.SpecContext) node.Memory { return killing }},
		{"an amount", func(ginkgo.SpecContext) node.Memory { return evicting }},
	} {
		ginkgo.It("is published as the kubelet has it: "+setting.name, func(ctx ginkgo.SpecContext) {
			configure(ctx, setting.memory(ctx))
			began := time.Now()
			var k kubeletMemory
			var m *v1alpha1.MemoryStatus
			gomega.Eventually(func(g gomega.Gomega) {
				k, m = readKubeletMemory(ctx, g), order(ctx).Status.Memory
				k.equals(g, m, facts.Band)
			}).WithTimeout(patience(noticed)).WithPolling(2 * time.Second).Should(gomega.Succeed())
			say("configuration: %s: %.0f s after the kubelet was ready; in MiB, published (and the kubelet's own): "+
				"threshold %s (%d), soft %s (%d); headroom %s (%d) of %s; pods may use %d, left in scope %s %s (%d)",
				setting.name, time.Since(began).Seconds(), amount(m.EvictionThreshold), k.hard/mebibyte,
				amount(m.SoftEvictionThreshold), k.soft/mebibyte, amount(m.Headroom), k.headroom()/mebibyte,
				cmp.Or(m.EvictionSignal, "no signal"), k.pods.limit/mebibyte,
				m.OOMScope, amount(m.OOMHeadroom), k.pods.available/mebibyte)
			gomega.Eventually(func(g gomega.Gomega) {
				k = readKubeletMemory(ctx, g)
				k.equals(g, byPlugin(ctx).Status.Memory, exactReading)
			}).WithTimeout(patience(time.Minute)).WithPolling(2*time.Second).Should(gomega.Succeed(), "the plugin says the same")
		}, ginkgo.SpecTimeout(patience(6*time.Minute)))
	}
})

// sharing has thresholds of both kinds, and reservations of both. The percentage is about 1 GiB of this machine, so that the
// operator's pods still fit into the allocatable memory.
func sharing(ctx ginkgo.SpecContext) node.Memory {
	ginkgo.GinkgoHelper()
	percent := 100 * 1024 * mebibyte / order(ctx).Status.Memory.Capacity.AsApproximateFloat64()
	return node.Memory{
		Limit: kubepods, KubeReserved: 512 * mebibyte, Threshold: fmt.Sprintf("%.1f%%", percent), Soft: "1536Mi", Grace: "1m30s",
	}
}

// exactReading is how far two readings may be apart, in bytes, when one is the plugin's and the other the kubelet's. The
// plugin shows the present reading, but the node's usage changes between the two reads.
func exactReading(int64) int64 { return 32 * mebibyte }

// equals expects that the published figures are the kubelet's: settings to the byte, readings as near as within says, in
// bytes. The kubelet gives pods less memory than the node has, so the limit of the pods is hit first: the headroom below
// this limit is right only if all reservations are.
func (k *kubeletMemory) equals(g gomega.Gomega, m *v1alpha1.MemoryStatus, within func(bytes int64) int64) {
	exactly(g, "hard threshold", m.EvictionThreshold, k.hard)
	exactly(g, "soft threshold", m.SoftEvictionThreshold, k.soft)
	if k.soft > 0 {
		g.Expect(m.SoftEvictionGracePeriodSeconds).To(gomega.HaveValue(gomega.Equal(int64(k.grace.Seconds()))), "grace period")
	} else {
		g.Expect(m.SoftEvictionGracePeriodSeconds).To(gomega.BeNil(), "grace period")
	}
	g.Expect(m.Available).NotTo(gomega.BeNil(), "memory.available")
	about(g, "memory.available", m.Available, k.node.available, within)
	if k.hard > 0 {
		g.Expect(m.ThresholdSource).To(gomega.Equal(v1alpha1.ThresholdKubelet))
		g.Expect(m.EvictionSignal).To(gomega.Equal(v1alpha1.SignalAllocatableMemoryAvailable))
		about(g, "headroom", m.Headroom, k.headroom(), within)
	} else {
		g.Expect(m.ThresholdSource).To(gomega.Equal(v1alpha1.ThresholdNone))
		g.Expect(m.Headroom).To(gomega.BeNil(), "headroom without a threshold")
	}
	g.Expect(m.OOMScope).To(gomega.Equal(v1alpha1.OOMScopePods))
	about(g, "headroom of the scope", m.OOMHeadroom, k.pods.available, within)
}

// exactly expects an amount in bytes, none where that is 0.
func exactly(g gomega.Gomega, what string, q *resource.Quantity, bytes int64) {
	if bytes == 0 {
		g.Expect(q).To(gomega.BeNil(), what)
		return
	}
	g.Expect(q).NotTo(gomega.BeNil(), what)
	g.Expect(q.Value()).To(gomega.Equal(bytes), what)
}

// about expects an amount as near to the real one, in bytes, as it has to be. It is in whole MiB.
func about(g gomega.Gomega, what string, q *resource.Quantity, bytes int64, within func(bytes int64) int64) {
	g.Expect(q).NotTo(gomega.BeNil(), what)
	g.Expect(q.Value()).To(gomega.BeNumerically("~", bytes, within(q.Value())+mebibyte), what)
}

// amount is an amount of MiB, as the others in a line.
func amount(q *resource.Quantity) string {
	if q == nil {
		return "none"
	}
	return fmt.Sprint(q.Value() / mebibyte)
}
