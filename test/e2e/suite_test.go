package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/killorder/killorder/test/cluster/binaries"
	"github.com/killorder/killorder/test/e2e/image"
	"github.com/killorder/killorder/test/e2e/isolate"
	"github.com/killorder/killorder/test/e2e/node"
	"github.com/killorder/killorder/test/integration/harness"
)

const (
	mebibyte = 1 << 20
	// hogImage is the image of all pods but the operator's.
	hogImage = "localhost/killorder-e2e/memhog:1"
	// kubepods is the limit of all pods together, in bytes: it bounds how much memory the pods take of this machine.
	kubepods = 4096 * mebibyte
)

// With evicting, the kubelet evicts long before the kernel kills. With killing, the kubelet never evicts.
var (
	evicting = node.Memory{Limit: kubepods, Threshold: "1400Mi"}
	killing  = node.Memory{Limit: kubepods, Threshold: "0%"}
)

var (
	// machine is the node, and told what its kubelet was told last of its memory.
	machine *node.Node
	told    = evicting
	api     client.Client
)

func TestE2E(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	gomega.RegisterFailHandler(ginkgo.Fail)
	ginkgo.RunSpecs(t, "e2e")
}

var _ = ginkgo.BeforeSuite(func(ctx ginkgo.SpecContext) {
	say("random pods: -seed=%d", *seed)
	log.SetLogger(ginkgo.GinkgoLogr)
	programs, err := binaries.FindNode(ctx, binaries.Options{Root: harness.Root(), Progress: ginkgo.GinkgoWriter, Offline: true})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	images := filepath.Join(isolate.Dir(), "images.tar")
	pods := []image.Image{
		{Name: node.PauseImage, Program: memhogProgram(), Entrypoint: "/pause"},
		{Name: hogImage, Program: memhogProgram(), Entrypoint: "/memhog"},
	}
	gomega.Expect(image.Write(images, pods...)).To(gomega.Succeed())
	logs := artifact(logsFolder())
	gomega.Expect(os.RemoveAll(logs)).To(gomega.Succeed())
	machine, err = node.Start(ctx, &node.Options{
		Dir: isolate.Dir(), Logs: logs, Programs: programs, Host: newHost(ctx, &programs, images, logs), Memory: told,
		Watched: operatorAccount, Progress: progress{},
	})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	ginkgo.DeferCleanup(machine.Stop)
	api = harness.Client(machine.Config)
	prepare(ctx)
	if !*onVM {
		tryChart(ctx)
	}
	deploy(ctx)
	following, stop := context.WithCancel(context.Background())
	ginkgo.DeferCleanup(stop)
	go kills.follow(following)
}, ginkgo.NodeTimeout(20*time.Minute))

// Ginkgo's summary at the end of a long log names what failed, and not why.
var _ = ginkgo.ReportAfterSuite("why specs failed", func(r ginkgo.Report) {
	for _, spec := range r.SpecReports {
		if spec.Failed() {
			say("FAILED: %s\n%s: %s", spec.FullText(), spec.FailureLocation(), spec.FailureMessage())
		}
	}
})

// configure restarts the kubelet with the given memory settings, unless the kubelet already has them.
func configure(ctx ginkgo.SpecContext, m node.Memory) {
	ginkgo.GinkgoHelper()
	if told == m {
		return
	}
	gomega.Expect(machine.StartKubelet(ctx, m)).To(gomega.Succeed())
	told = m
}

// progress shows what takes time as it happens: Ginkgo's own writer waits for the end of a spec.
type progress struct{}

func (progress) Write(p []byte) (int, error) { return os.Stdout.Write(p) }

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
