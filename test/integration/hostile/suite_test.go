// Package hostile runs the operator beside kubelets that are in somebody else's hands.
package hostile

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/integration/harness"
)

var (
	length   = flag.Duration("length", time.Minute, "how long the operator has to stand it")
	kubelets = flag.Int("kubelets", 22, "how many kubelets are hostile, beside two honest ones")
	interval = flag.Duration("interval", 10*time.Second, "the operator's --usage-interval; 30s is its own")
	shipped  = flag.Bool("shipped", false, "run the operator with the memory and CPU limits of config/manager (needs root)")
	capacity = corev1.ResourceList{
		corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourcePods: resource.MustParse("110"),
	}
	k8s client.Client
)

func TestHostile(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(2 * time.Minute)
	SetDefaultEventuallyPollingInterval(500 * time.Millisecond)
	RunSpecs(t, "Operator beside hostile kubelets")
}

// ready is the Ready condition of a node's order, an empty one if there is none.
func ready(ctx context.Context, node string) func() condition {
	return func() condition {
		o := &v1alpha1.NodeKillOrder{}
		if err := k8s.Get(ctx, client.ObjectKey{Name: node}, o); err != nil {
			return condition{}
		}
		c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
		if c == nil {
			return condition{}
		}
		return condition{o.Status.Usage.Source, c.Reason, c.Message}
	}
}

type condition struct {
	Source          v1alpha1.UsageSource
	Reason, Message string
}

// peakMiB is the most memory that a process took so far.
func peakMiB(pid int) int {
	GinkgoHelper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	Expect(err).NotTo(HaveOccurred(), "the operator is gone")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	_, err = fmt.Sscan(rest, &kib)
	Expect(err).NotTo(HaveOccurred())
	return kib >> 10
}

var _ = Describe("Hostile kubelets", func() {
	It("cost the operator little memory and the honest nodes nothing", func(ctx SpecContext) {
		manager, err := gexec.Build("github.com/killorder/killorder/cmd/manager") // the race detector takes memory of its own
		Expect(err).NotTo(HaveOccurred())
		cluster := harness.StartCluster(filepath.Join(harness.Root(), "test", "integration", "usage", "testdata", "scenario.yaml"))
		k8s = harness.Client(cluster.Config)
		for i := range *kubelets {
			newKubelet(i).register(ctx)
		}
		limits := shippedLimits(ctx)
		mostMiB := int(limits.Memory().Value() >> 21) // half
		var inside *pod
		if *shipped {
			inside = newPod(limits)
			manager = inside.wrapped(manager)
		}
		GinkgoT().Setenv("GOMEMLIMIT", fmt.Sprintf("%dB", limits.Memory().Value())) // as config/manager has it
		// Whoever holds a node has a certificate that fits it. The ones here have none that would.
		operator := harness.StartOperator(manager, cluster.Kubeconfig,
			"--leader-elect=false", "--usage-interval="+interval.String(), "--kubelet-insecure-tls")

		honest := And(HaveField("Source", v1alpha1.UsageSourceKubelet), HaveField("Reason", v1alpha1.ReasonUsageFresh))
		for _, node := range []string{"full", "small"} {
			Eventually(ready(ctx, node)).Should(honest, node)
		}
		for until := time.Now().Add(*length); time.Now().Before(until); time.Sleep(time.Second) {
			Expect(peakMiB(operator.Command.Process.Pid)).To(BeNumerically("<", mostMiB), "MiB")
			for _, node := range []string{"full", "small"} {
				Expect(ready(ctx, node)()).To(honest, node)
			}
		}
		told := map[string]int{}
		for i := range *kubelets {
			c := ready(ctx, fmt.Sprintf("hostile-%02d", i))()
			if strings.Contains(c.Message, "The kubelet's answer of nodes/stats is ") {
				told[c.Message]++
			}
		}
		fmt.Fprintf(GinkgoWriter, "%d hostile kubelets for %s: at most %d MiB; %v\n",
			*kubelets, *length, peakMiB(operator.Command.Process.Pid), told)
		if inside != nil {
			kills, most := inside.kills()
			fmt.Fprintf(GinkgoWriter, "in a control group of %d MiB and %d millicores: at most %d MiB, oom_kill %d\n",
				limits.Memory().Value()>>20, limits.Cpu().MilliValue(), most, kills)
			Expect(kills).To(BeZero())
		}
		Expect(told).NotTo(BeEmpty(), "orders of hostile nodes that say why their kubelet is not read")
		Expect(operator).NotTo(gexec.Exit())
	}, NodeTimeout(40*time.Minute))
})
