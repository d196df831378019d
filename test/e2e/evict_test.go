package e2e

import (
	"fmt"
	"os"
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
	"github.com/killorder/killorder/test/e2e/isolate"
)

// evictionThreshold in MiB, as evicting has it; deepest is how little is left available at most, far from where the
// kernel would kill.
const (
	evictionThreshold = 1400
	deepest           = 200
)

// In even rounds a pod that is never evicted grows and brings the node down, so that all readings that matter are
// right. In odd rounds one of the candidates grows: the operator and the kubelet then judge it by readings of different
// age, and where only its own place differs, that is the explanation, and is counted.
var _ = ginkgo.Describe("eviction by allocatableMemory.available", ginkgo.Ordered, ginkgo.ContinueOnFailure, func() {
	result := tally{}
	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) { configure(ctx, evicting) }, ginkgo.NodeTimeout(3*time.Minute))
	ginkgo.AfterEach(remove, ginkgo.NodeTimeout(3*time.Minute))
	ginkgo.AfterAll(func() { result.say("eviction") })

	for round := range *rounds {
		ginkgo.It(fmt.Sprintf("takes random pods as published, round %d", round), func(ctx ginkgo.SpecContext) {
			hogs, grower := drawForKubelet(round), ""
			if round%2 == 1 {
				grower = hogs[slices.IndexFunc(hogs, func(h hog) bool { return h.limit == 0 })].name
			}
			e := evict(ctx, hogs, grower, 2+round%3)
			say("eviction %d: published %v, ranked by the kubelet %v, evicted %v%s", round, e.published, e.ranked, e.evicted, growing(grower))
			gomega.Expect(e.published).To(gomega.HaveLen(len(hogs)))
			result.count(e.published[0] == e.evicted[0])
			switch {
			case slices.Equal(e.published, e.ranked) && startsWith(e.published, e.evicted):
				result.whole++
			case grower != "" && slices.Equal(without(e.published, grower), without(e.ranked, grower)) &&
				startsWith(without(e.published, grower), without(e.evicted, grower)):
				result.aged++
			default:
				ginkgo.Fail(fmt.Sprintf("another order than published; pods: %+v", hogs))
			}
		}, ginkgo.SpecTimeout(8*time.Minute))
	}

	ginkgo.It("takes a pod first whose image cannot be pulled", func(ctx ginkgo.SpecContext) {
		hogs := []hog{
			{name: "over-request", holds: 500},
			{name: "over-request-low", holds: 300, priorityClass: "low"},
			{name: "unpullable", request: 200, priorityClass: "high", image: "registry.invalid/killorder/absent:1"},
			{name: "within-request", holds: 200, request: 400},
		}
		e := evict(ctx, hogs, "", 2)
		say("eviction of a pod without a running container: published %v, ranked by the kubelet %v, evicted %v",
			e.published, e.ranked, e.evicted)
		gomega.Expect(e.published[0]).To(gomega.Equal("unpullable"))
		gomega.Expect(e.ranked).To(gomega.Equal(e.published))
		gomega.Expect(startsWith(e.published, e.evicted)).To(gomega.BeTrue())
	}, ginkgo.SpecTimeout(8*time.Minute))
})

func growing(pod string) string {
	if pod == "" {
		return ""
	}
	return ", while " + pod + " grew"
}

func without(pods []string, pod string) []string {
	return slices.DeleteFunc(slices.Clone(pods), func(p string) bool { return p == pod })
}

func startsWith(pods, first []string) bool {
	return len(pods) >= len(first) && slices.Equal(pods[:len(first)], first)
}

// tally counts first victims and, where they can be seen, whole orders: those that were right, and those in which
// only a growing pod had another place, for the age of its reading.
type tally struct{ right, all, whole, aged int }

func (t *tally) count(right bool) {
	t.all++
	if right {
		t.right++
	}
}

func (t *tally) say(what string) {
	say("%s: predicted first victim right: %d of %d", what, t.right, t.all)
	if t.whole+t.aged > 0 {
		say("%s: whole order right: %d of %d; the place of a growing pod differed, for the age of its reading, in %d",
			what, t.whole, t.all, t.aged)
	}
}

// eviction is what was published just before the first eviction, the kubelet's own order at that moment, and whom it
// evicted.
type eviction struct{ published, ranked, evicted []string }

// evict runs pods and brings the node so far below the threshold that the published order lets `victims` of them
// die, by growing one of them or, where none is named, another.
func evict(ctx ginkgo.SpecContext, hogs []hog, grower string, victims int) (e eviction) {
	ginkgo.GinkgoHelper()
	all, less := slices.Clone(hogs), ""
	if grower == "" {
		grower = hogs[0].name + "-trigger"
		all, less = append(all, trigger(grower)), grower
	}
	log := openKubeletLog()
	create(ctx, all...)
	o := awaitOrder(ctx, hogs...)
	e.published = evictionOrder(o)
	victims = min(victims, beforeOperator(o))
	want := max(evictionThreshold-max(deficit(hogs, e.published[:victims]), step), deepest)
	push(ctx, grower, func() bool { return available() <= want })
	for idle := time.Now(); len(e.evicted) < victims && time.Since(idle) < 40*time.Second; time.Sleep(300 * time.Millisecond) {
		before, now := evictionOrder(order(ctx)), evictions(ctx, hogs)
		if len(now) == 0 {
			e.published = before
		}
		if len(now) > len(e.evicted) {
			idle, e.evicted = time.Now(), now
		}
	}
	gomega.Expect(e.evicted).NotTo(gomega.BeEmpty(), "the kubelet evicted nobody; available: %d MiB", available())
	e.ranked = log.firstRanking(less)
	return e
}

// deficit is how much must be missing, in MiB, for the last of the victims to be needed too: half of it, and all that
// the others hold.
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

// evictionOrder is the published one, of the pods of the scenes.
func evictionOrder(o *v1alpha1.NodeKillOrder) (pods []string) {
	for _, v := range o.Status.EvictionOrder {
		if v.Namespace == scenes {
			pods = append(pods, v.Pod)
		}
	}
	return pods
}

// beforeOperator counts the pods that go before the operator: the scene ends before its own turn.
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
func available() int {
	ginkgo.GinkgoHelper()
	usage, inactive := "memory.usage_in_bytes", "total_inactive_file "
	if isolate.Unified() {
		usage, inactive = "memory.current", "inactive_file "
	}
	dir := isolate.MemoryCgroup("kubepods")
	text, err := os.ReadFile(filepath.Join(dir, usage))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	used, err := strconv.Atoi(strings.TrimSpace(string(text)))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	text, err = os.ReadFile(filepath.Join(dir, "memory.stat"))
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
