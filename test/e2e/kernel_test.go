package e2e

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine/oom"
)

// margin is how much worse, in bytes, the first victim must be than the next for a test to insist on it: what was
// published is within 16Mi or 5% of a working set, and a working set is not quite what the kernel weighs.
const margin = 40 * mebibyte

// kubepods runs out of memory long before the node does, and the kernel weighs oom_score_adj by the limit that was hit. The
// kubelet tells the operator the limit of kubepods. With metrics.k8s.io alone, the limit may be unknown: then the scale of
// the node is taken, on which another pod is the first victim in every other round. Such rounds are counted. The engine also
// weighs the same readings on the scale of kubepods, and has to be right there.
var _ = ginkgo.Describe("the kernel in an overcommitted kubepods", ginkgo.Ordered, ginkgo.ContinueOnFailure, func() {
	var published, byMetrics, scaled tally
	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) { configure(ctx, killing) }, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterEach(remove, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterAll(func() {
		published.say("kernel kill, source Kubelet (scope Pods)")
		byMetrics.say("kernel kill, source MetricsAPI")
		scaled.say("kernel kill, readings of MetricsAPI on the scale of kubepods")
	})

	for round := range *rounds {
		ginkgo.It(fmt.Sprintf("takes the predicted first victim, round %d", round), func(ctx ginkgo.SpecContext) {
			hogs := drawForKernel(round, order(ctx).Status.Memory.Capacity.Value())
			triggerName := fmt.Sprintf("k%d-trigger", round)
			create(ctx, append(slices.Clone(hogs), trigger(triggerName))...)
			o, m := awaitOrders(ctx, hogs...)
			kill := firstKill(ctx, triggerName)
			victim, predicted, unscaled := kill.pod, o.Status.OOMOrder[0].Pod, m.Status.OOMOrder[0].Pod
			first, lead := firstOn(weights(m.Status.OOMOrder), kubepods)
			say("kernel kill %d: killed %s; first by source Kubelet: %s (scope %s), by source MetricsAPI: %s (scope %s), "+
				"on the scale of kubepods: %s, by %d MiB", round, victim, predicted, o.Status.Memory.OOMScope,
				unscaled, m.Status.Memory.OOMScope, first, lead/mebibyte)
			published.count(predicted == victim)
			byMetrics.count(unscaled == victim)
			scaled.count(first == victim)
			gomega.Expect(kill.scope).To(gomega.BeElementOf("/kubepods", ""), "the limit that was hit")
			gomega.Expect(lead).To(gomega.BeNumerically(">=", margin), "pods were drawn to be further apart")
			gomega.Expect(o.Status.Memory.OOMScope).To(gomega.Equal(v1alpha1.OOMScopePods))
			gomega.Expect(victim).To(gomega.Equal(predicted), "%+v", o.Status.OOMOrder)
			gomega.Expect(victim).To(gomega.Equal(first), "%+v", m.Status.OOMOrder)
			kill.expectKills(ctx, v1alpha1.CausePodsOOM)
		}, ginkgo.SpecTimeout(patience(8*time.Minute)))
	}
})

// weight is what the kernel puts on its scale: memory in bytes, and oom_score_adj.
type weight struct {
	pod   string
	bytes int64
	adj   int32
}

// weights are those of an order.
func weights(order []v1alpha1.OOMVictim) (all []weight) {
	for _, v := range order {
		if v.Usage != nil {
			all = append(all, weight{v.Pod, v.Usage.Value(), v.OOMScoreAdj})
		}
	}
	return all
}

// firstOn is the first victim where a limit of that many bytes is the scale, and how far ahead it is, in bytes.
func firstOn(all []weight, limit int64) (pod string, lead int64) {
	badness := func(w weight) int64 { return oom.Badness(w.bytes, w.adj, limit) }
	slices.SortFunc(all, func(a, b weight) int { return cmp.Compare(badness(b), badness(a)) })
	return all[0].pod, badness(all[0]) - badness(all[1])
}
