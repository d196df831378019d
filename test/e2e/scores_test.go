package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/e2e/node"
)

// The pods of the story, smaller, and the pods whose score has a rule of its own.
var _ = ginkgo.Describe("scores", ginkgo.Ordered, func() {
	hogs := []hog{
		{name: "payments-api", holds: 200},
		{name: "data-pipeline", holds: 300, request: 512},
		{name: "ledger", holds: 100, request: 256, limit: 256},
		{name: "checkout", holds: 150, request: 128, priorityClass: "high"},
		{name: "web", holds: 50, request: 400, sidecar: 32},
		{name: "shared", holds: 60, podRequest: 300},
	}
	agent := hog{name: "node-agent", holds: 20, request: 32, priorityClass: "system-node-critical"}

	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) { configure(ctx, evicting) }, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterAll(remove, ginkgo.NodeTimeout(patience(3*time.Minute)))

	ginkgo.It("are what the kubelet asked for and what the kernel says", func(ctx ginkgo.SpecContext) {
		create(ctx, append(slices.Clone(hogs), agent)...)
		published := awaitOrder(ctx, hogs...)
		containers, err := machine.Runtime.Containers(ctx, "")
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		compared, below := 0, 0
		for _, c := range containers {
			v := victim(published, &c)
			gomega.Expect(v).NotTo(gomega.BeNil(), "%s/%s %s runs, and is not in oomOrder", c.Namespace, c.Pod, c.Name)
			gomega.Expect(int64(v.OOMScoreAdj)).To(gomega.Equal(c.OOMScoreAdj), "oom_score_adj of %s/%s", c.Pod, c.Name)
			adj, score := procNumber(ctx, c.PID, "oom_score_adj"), procNumber(ctx, c.PID, "oom_score")
			say("score %-28s adj: published %5d, asked for %5d, in /proc %5d; oom_score: published %4d, in /proc %4d",
				c.Pod+"/"+c.Name, v.OOMScoreAdj, c.OOMScoreAdj, adj, v.OOMScore, score)
			if c.OOMScoreAdj < 0 {
				below++
				if virtual == nil {
					continue // without CAP_SYS_RESOURCE the runtime makes it 0
				}
			}
			gomega.Expect(adj).To(gomega.Equal(c.OOMScoreAdj), "/proc/%d/oom_score_adj of %s/%s", c.PID, c.Pod, c.Name)
			gomega.Expect(float64(v.OOMScore)).To(gomega.BeNumerically("~", score, max(2, 0.02*float64(score))), "oom_score of %s/%s", c.Pod, c.Name)
			compared++
		}
		say("scores: oom_score_adj right in %d of %d containers, %d of them below 0; oom_score within 2%% in %d of %d compared",
			len(containers), len(containers), below, compared, compared)
		gomega.Expect(compared).To(gomega.BeNumerically(">=", 6))
	}, ginkgo.SpecTimeout(patience(6*time.Minute)))
})

func victim(o *v1alpha1.NodeKillOrder, c *node.Container) *v1alpha1.OOMVictim {
	for i := range o.Status.OOMOrder {
		if v := &o.Status.OOMOrder[i]; v.Namespace == c.Namespace && v.Pod == c.Pod && v.Container == c.Name {
			return v
		}
	}
	return nil
}

func procNumber(ctx ginkgo.SpecContext, pid int, file string) int64 {
	ginkgo.GinkgoHelper()
	data, err := machine.Host.ReadFile(ctx, fmt.Sprintf("/proc/%d/%s", pid, file))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return n
}
