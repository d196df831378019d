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

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/engine/oom"
	"github.com/killorder/killorder/test/e2e/node"
)

const (
	// swapDisk of the virtual machine is empty; swapMiB is its size.
	swapDisk = "/dev/vdb"
	swapMiB  = 6 << 10
)

// swapping gives kubepods less memory than in the other scenes, and Burstable pods a share of the node's swap.
var swapping = node.Memory{Limit: 2400 * mebibyte, Threshold: "0%", Swap: true}

// A part of one pod's memory is swapped out. The kernel weighs that swap, too, and the node's whole swap is a part of the
// scale, though the limit of kubepods is one of memory alone. Eviction does not see swap. Two other pods are such that the one
// would be the first victim if swap were not weighed, and the other if the scale had no swap.
var _ = ginkgo.Describe("the kernel in a kubepods that swaps", ginkgo.Ordered, func() {
	swapper := hog{name: "swapper", holds: 580, swaps: 165, request: 400}
	largerInMemory := hog{name: "larger-in-memory", holds: 520, request: 400}
	firstWithoutScale := hog{name: "first-without-scale", holds: 770, request: 800}
	hogs := []hog{swapper, largerInMemory, firstWithoutScale, {name: "swaps-not", holds: 100, request: 150, limit: 150}}

	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) {
		if virtual == nil {
			ginkgo.Skip("this machine has no disk for swap")
		}
		_, err := virtual.Shell(ctx, "mkswap "+swapDisk+" && swapon "+swapDisk)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		configure(ctx, swapping)
	}, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterAll(func(ctx ginkgo.SpecContext) {
		if virtual == nil {
			return
		}
		remove(ctx)
		_, err := virtual.Shell(ctx, "swapoff "+swapDisk)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		configure(ctx, evicting)
	}, ginkgo.NodeTimeout(patience(6*time.Minute)))

	ginkgo.It("takes the predicted first victim, with what is swapped out, on a scale with swap", func(ctx ginkgo.SpecContext) {
		grower := trigger("swap-trigger")
		create(ctx, append(slices.Clone(hogs), grower)...)
		swapOut(ctx, &swapper)
		const scale = (2400 + swapMiB) * mebibyte
		var o *v1alpha1.NodeKillOrder
		gomega.Eventually(func(g gomega.Gomega) {
			o = order(ctx)
			shows(g, o, hogs)
			for _, w := range weighed(o.Status.OOMOrder, scale) {
				if w.pod == swapper.name {
					g.Expect(w.bytes/mebibyte).To(gomega.BeNumerically("~", swapper.holds+5, 25), "in memory and in swap")
				}
			}
		}).WithContext(ctx).WithTimeout(patience(3 * time.Minute)).WithPolling(time.Second).Should(gomega.Succeed())
		inMemory := slices.DeleteFunc(weights(o.Status.OOMOrder), func(w weight) bool { return w.pod == grower.name })
		all := slices.DeleteFunc(weighed(o.Status.OOMOrder, scale), func(w weight) bool { return w.pod == grower.name })
		first, lead := firstOn(all, scale)
		withoutSwap, _ := firstOn(inMemory, scale)
		withoutScale, _ := firstOn(all, swapping.Limit)

		kill := firstKill(ctx, grower.name)
		predicted := o.Status.OOMOrder[0].Pod
		say("swap: killed %s in the scope %q; oomOrder (scope %s) had %s first, by %d MiB; without what is swapped out: %s; "+
			"on a scale without swap: %s", kill.pod, kill.scope, o.Status.Memory.OOMScope, predicted, lead/mebibyte, withoutSwap, withoutScale)
		gomega.Expect(kill.scope).To(gomega.BeElementOf("/kubepods", ""), "the limit that was hit")
		gomega.Expect(o.Status.Memory.OOMScope).To(gomega.Equal(v1alpha1.OOMScopePods))
		gomega.Expect(kill.pod).To(gomega.Equal(predicted), "%+v", o.Status.OOMOrder)
		gomega.Expect([]string{first, withoutSwap, withoutScale}).To(gomega.Equal(
			[]string{swapper.name, largerInMemory.name, firstWithoutScale.name}), "each rule names another pod")
		kill.expectKills(ctx, v1alpha1.CausePodsOOM)
	}, ginkgo.SpecTimeout(patience(8*time.Minute)))
})

// swapOut makes the kernel swap out what the hog should have in swap, as soon as the hog holds its memory. The kernel may
// reclaim less than it is asked for: then it is asked again.
func swapOut(ctx ginkgo.SpecContext, h *hog) {
	ginkgo.GinkgoHelper()
	pid := container(ctx, h.name).PID
	gomega.Eventually(func() int { return resident(ctx, pid) }).WithContext(ctx).
		WithTimeout(patience(time.Minute)).WithPolling(time.Second).Should(gomega.BeNumerically(">=", h.holds))
	folder := machine.Host.CgroupFolder(memoryGroup(ctx, pid))
	swapped := func() int64 {
		text, err := machine.Host.ReadFile(ctx, filepath.Join(folder, "memory.swap.current"))
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		bytes, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		return bytes / mebibyte
	}
	gomega.Eventually(func() int64 {
		if missing := int64(h.swaps) - swapped(); missing > 0 {
			_ = machine.Host.WriteFile(ctx, filepath.Join(folder, "memory.reclaim"), fmt.Appendf(nil, "%dM", missing))
		}
		return swapped()
	}).WithContext(ctx).WithTimeout(patience(time.Minute)).WithPolling(time.Second).Should(
		gomega.BeNumerically("~", h.swaps, 10), "MiB of %s in swap", h.name)
}

// weighed is what the kernel puts on its scale of each container, with swap: the published badness without the part that
// oom_score_adj adds on that scale, in bytes.
func weighed(order []v1alpha1.OOMVictim, scale int64) (all []weight) {
	for _, v := range order {
		all = append(all, weight{v.Pod, v.Badness.Value() - oom.Badness(0, v.OOMScoreAdj, scale), v.OOMScoreAdj})
	}
	return all
}
