package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
)

// evictionThreshold in MiB, as evicting has it. deepest is the least memory that a scene leaves available: far from the
// point at which the kernel would kill.
const (
	evictionThreshold = 1400
	deepest           = 200
	// calmAfter is how long the available memory has to be above the threshold until no further eviction is expected. The
	// kubelet reads the usage of kubepods anew each time it checks, so a later check finds no reason to evict either.
	calmAfter = 5 * time.Second
)

// In even rounds a pod that is never evicted grows and uses up the node's memory, so that the readings of all candidates
// stay right. In odd rounds one of the candidates grows: the operator and the kubelet then judge this pod by readings of
// different age. If only the place of this pod differs, the age of the reading is the explanation, and the round is counted
// as such.
var _ = ginkgo.Describe("eviction by allocatableMemory.available", ginkgo.Ordered, ginkgo.ContinueOnFailure, func() {
	results := map[v1alpha1.UsageSource]*tally{}
	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) {
		for _, source := range sources {
			results[source] = &tally{}
		}
		configure(ctx, evicting)
	}, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterEach(remove, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterAll(func() {
		for _, source := range sources {
			results[source].say("eviction, source " + string(source))
		}
		for _, source := range sources {
			results[source].sayOrders("eviction, source " + string(source))
		}
	})

	for round := range *rounds {
		ginkgo.It(fmt.Sprintf("takes random pods as predicted, round %d", round), func(ctx ginkgo.SpecContext) {
			hogs, grower := drawForKubelet(round), ""
			if round%2 == 1 {
				grower = hogs[slices.IndexFunc(hogs, func(h hog) bool { return h.limit == 0 })].name
			}
			e := evict(ctx, hogs, grower, 2+round%3)
			say("eviction %d: evicted %v, ranked by the kubelet %v%s", round, e.evicted, e.ranked, growing(grower))
			for _, source := range sources {
				predicted := e.predicted[source]
				found := e.judge(predicted, grower)
				say("eviction %d: source %-10s %v: %s", round, source, predicted, outcomes[found])
				results[source].countOrder(found, predicted[0] == e.evicted[0])
			}
			for _, source := range sources {
				gomega.Expect(e.judge(e.predicted[source], grower)).NotTo(gomega.Equal(wrong),
					"another order than by source %s; pods: %+v", source, hogs)
			}
			expectEvictions(ctx)
		}, ginkgo.SpecTimeout(patience(8*time.Minute)))
	}

	ginkgo.It("takes a pod first whose image cannot be pulled", func(ctx ginkgo.SpecContext) {
		hogs := []hog{
			{name: "over-request", holds: 500},
			{name: "over-request-low", holds: 300, priorityClass: "low"},
			{name: "unpullable", request: 200, priorityClass: "high", image: "registry.invalid/killorder/absent:1"},
			{name: "within-request", holds: 200, request: 400},
		}
		e := evict(ctx, hogs, "", 2)
		expectRejection(ctx)
		for _, source := range sources {
			predicted := e.predicted[source]
			say("eviction of a pod without a running container: source %-10s %v, ranked by the kubelet %v, evicted %v",
				source, predicted, e.ranked, e.evicted)
			gomega.Expect(predicted[0]).To(gomega.Equal("unpullable"))
			gomega.Expect(e.judge(predicted, "")).To(gomega.Equal(whole))
		}
		expectEvictions(ctx, e.evicted...)
	}, ginkgo.SpecTimeout(patience(8*time.Minute)))
})

// expectRejection expects that the kubelet rejects a BestEffort pod while the pressure that made it evict goes on. The
// status of such a pod says "evicted" although the pod has never run: status.kills must not show the pod after all scenes.
func expectRejection(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	late := hog{name: "late", holds: 10, bound: true}
	gomega.Expect(api.Create(ctx, late.pod())).To(gomega.Succeed())
	gomega.Eventually(func(g gomega.Gomega) {
		var p corev1.Pod
		g.Expect(api.Get(ctx, client.ObjectKey{Namespace: scenes, Name: late.name}, &p)).To(gomega.Succeed())
		g.Expect(p.Status.Reason).To(gomega.Equal("Evicted"))
		g.Expect(p.Status.Message).To(gomega.ContainSubstring("MemoryPressure"))
	}).WithContext(ctx).WithTimeout(patience(20 * time.Second)).WithPolling(200 * time.Millisecond).Should(gomega.Succeed())
}

func growing(pod string) string {
	if pod == "" {
		return ""
	}
	return ", while " + pod + " grew"
}

// eviction is the order by each source just before the first eviction, the kubelet's own order at that moment, and the pods
// that the kubelet evicted.
type eviction struct {
	predicted       map[v1alpha1.UsageSource][]string
	ranked, evicted []string
}

// judge compares a predicted order with what happened. grower is the candidate that grew meanwhile, "" if none did.
func (e *eviction) judge(predicted []string, grower string) outcome {
	switch {
	case slices.Equal(predicted, e.ranked) && startsWith(predicted, e.evicted):
		return whole
	case grower != "" && slices.Equal(without(predicted, grower), without(e.ranked, grower)) &&
		startsWith(without(predicted, grower), without(e.evicted, grower)):
		return aged
	}
	return wrong
}

// predict takes the orders of this moment.
func (e *eviction) predict(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	e.predicted = map[v1alpha1.UsageSource][]string{
		v1alpha1.UsageSourceKubelet:    evictionOrder(order(ctx)),
		v1alpha1.UsageSourceMetricsAPI: evictionOrder(metricsOnly(ctx)),
	}
}

// evict runs pods and lets the pod grower grow or, if grower is "", another pod that is never evicted. The available memory
// ends so far below the threshold that the first `victims` pods of the published order have to die.
func evict(ctx ginkgo.SpecContext, hogs []hog, grower string, victims int) (e eviction) {
	ginkgo.GinkgoHelper()
	all, less := slices.Clone(hogs), ""
	if grower == "" {
		grower = hogs[0].name + "-trigger"
		all, less = append(all, trigger(grower)), grower
	}
	log := openKubeletLog()
	create(ctx, all...)
	o, _ := awaitOrders(ctx, hogs...)
	victims = min(victims, beforeOperator(o))
	want := max(evictionThreshold-max(deficit(hogs, evictionOrder(o)[:victims]), step), deepest)
	e.predict(ctx)
	push(ctx, grower, func() bool { return available(ctx) <= want })
	below := time.Now() // the last time at which less was left than the threshold
	waiting := func(since time.Time) bool { return time.Since(since) < 40*time.Second && time.Since(below) < calmAfter }
	for idle := below; len(e.evicted) < victims && waiting(idle); time.Sleep(300 * time.Millisecond) {
		if available(ctx) < evictionThreshold+step || len(e.evicted) == 0 {
			below = time.Now()
		}
		before := eviction{}
		if len(e.evicted) == 0 {
			before.predict(ctx)
		}
		now := evictions(ctx, hogs)
		if len(now) == 0 {
			e.predicted = before.predicted
		}
		if len(now) > len(e.evicted) {
			idle, e.evicted = time.Now(), now
		}
	}
	gomega.Expect(e.evicted).NotTo(gomega.BeEmpty(), "the kubelet evicted nobody; available: %d MiB", available(ctx))
	e.ranked = log.firstRanking(less)
	return e
}

// deficit is how much memory must be missing, in MiB, so that the last victim is needed too: all that the victims before it
// hold, and half of what it holds itself.
func deficit(hogs []hog, victims []string) (mib int) {
	for i, name := range victims {
		h := hogs[slices.IndexFunc(hogs, func(h hog) bool { return h.name == name })]
		if i < len(victims)-1 {
			mib += h.holds
		} else {
			mib += h.holds / 2
		}
	}
	return mib
}

// evictionOrder is the published order, limited to the pods of the scenes.
func evictionOrder(o *v1alpha1.NodeKillOrder) (pods []string) {
	for _, v := range o.Status.EvictionOrder {
		if v.Namespace == scenes {
			pods = append(pods, v.Pod)
		}
	}
	return pods
}

// beforeOperator counts the pods that go before the operator: the scene has to end before the operator's turn comes.
func beforeOperator(o *v1alpha1.NodeKillOrder) int {
	for i, v := range o.Status.EvictionOrder {
		if v.Namespace == system {
			return i
		}
	}
	return len(o.Status.EvictionOrder)
}

// evictions are the evicted pods in the order of their Events, which the kubelet makes just before each kill.
func evictions(ctx ginkgo.SpecContext, hogs []hog) (pods []string) {
	ginkgo.GinkgoHelper()
	var events corev1.EventList
	gomega.Expect(api.List(ctx, &events, client.InNamespace(scenes))).To(gomega.Succeed())
	slices.SortFunc(events.Items, func(a, b corev1.Event) int { return version(&a) - version(&b) })
	for i := range events.Items {
		e := &events.Items[i]
		if e.Reason == "Evicted" && slices.ContainsFunc(hogs, func(h hog) bool { return h.name == e.InvolvedObject.Name }) {
			pods = append(pods, e.InvolvedObject.Name)
		}
	}
	return pods
}

func version(e *corev1.Event) int {
	n, _ := strconv.Atoi(e.ResourceVersion)
	return n
}

// available is allocatableMemory.available, in MiB, as the kubelet computes it: the limit of kubepods less its
// working set.
func available(ctx ginkgo.SpecContext) int {
	ginkgo.GinkgoHelper()
	usage, inactive := "memory.usage_in_bytes", "total_inactive_file "
	if machine.Host.Unified() {
		usage, inactive = "memory.current", "inactive_file "
	}
	dir := machine.Host.CgroupFolder("kubepods")
	text, err := machine.Host.ReadFile(ctx, filepath.Join(dir, usage))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	used, err := strconv.Atoi(strings.TrimSpace(string(text)))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	text, err = machine.Host.ReadFile(ctx, filepath.Join(dir, "memory.stat"))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	for line := range strings.Lines(string(text)) {
		if n, found := strings.CutPrefix(line, inactive); found {
			cache, err := strconv.Atoi(strings.TrimSpace(n))
			gomega.Expect(err).NotTo(gomega.HaveOccurred())
			used -= cache
		}
	}
	return (kubepods - used) / mebibyte
}
