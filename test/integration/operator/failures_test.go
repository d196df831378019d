package operator

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/test/integration/harness"
)

var _ = Describe("Failures", func() {
	It("takes over from a leader that dies", func(ctx SpecContext) {
		first := harness.StartOperator(manager, kubeconf, "--leader-election-namespace=default", "--usage-interval=5s")
		Eventually(first.Err).Should(gbytes.Say("(?i)successfully acquired lease"))
		second := harness.StartOperator(manager, kubeconf, "--leader-election-namespace=default", "--usage-interval=5s")
		Eventually(second.Err).Should(gbytes.Say("(?i)attempting to acquire leader lease"))
		k8s.CreatePod(ctx, "worker-1", "a", "1Gi")
		k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("Status.EvictionOrder", HaveLen(1)))
		lease := &coordinationv1.Lease{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: "default", Name: "killorder-manager"}, lease)).To(Succeed())

		first.Kill()
		Eventually(first).Should(gexec.Exit())
		k8s.CreatePod(ctx, "worker-1", "b", "1Gi")
		Eventually(k8s.Order(ctx, "worker-1"), 2*time.Minute).Should(HaveField("Status.EvictionOrder", HaveLen(2)))
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(lease), lease)).To(Succeed())
		Expect(*lease.Spec.LeaseTransitions).To(BeNumerically(">=", 1))
	}, SpecTimeout(5*time.Minute))

	It("comes back to an API server that did not answer for a while", func(ctx SpecContext) {
		operator := harness.StartOperator(manager, kubeconf, "--leader-elect=false", "--usage-interval=5s")
		node := k8s.CreateNode(ctx, "worker-1")
		Eventually(k8s.Order(ctx, "worker-1")).Should(HaveField("OwnerReferences", ConsistOf(HaveField("UID", node.UID))))
		apiServer := apiServerProcess()
		Expect(apiServer.Signal(syscall.SIGSTOP)).To(Succeed())
		DeferCleanup(apiServer.Signal, syscall.SIGCONT)
		Consistently(operator, 20*time.Second, time.Second).ShouldNot(gexec.Exit())
		Expect(apiServer.Signal(syscall.SIGCONT)).To(Succeed())
		k8s.CreatePod(ctx, "worker-1", "a", "1Gi")
		Eventually(k8s.Order(ctx, "worker-1"), 2*time.Minute).Should(HaveField("Status.EvictionOrder", HaveLen(1)))
	}, SpecTimeout(5*time.Minute))

	It("ends when it is told to, although it may not read anything", func() {
		config, err := clientcmd.Load(env.KubeConfig)
		Expect(err).NotTo(HaveOccurred())
		for _, user := range config.AuthInfos {
			user.Impersonate = "nobody"
		}
		nobody := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(clientcmd.WriteToFile(*config, nobody)).To(Succeed())
		operator := harness.StartOperator(manager, nobody, "--leader-elect=false")
		Eventually(operator.Err).Should(gbytes.Say("forbidden"))
		operator.Terminate()
		Eventually(operator, 10*time.Second).Should(gexec.Exit(0))
		Expect(operator.Err).To(gbytes.Say("ending before the caches have synced"))
	})

	It("refuses flags that make no sense", func() {
		operator := harness.StartOperator(manager, kubeconf, "--usage-interval=1s", "--status-writes-per-second=0")
		Eventually(operator).Should(gexec.Exit(2))
		Expect(operator.Err).To(gbytes.Say("--usage-interval=1s: must be from 5s to 5m"))
		Expect(operator.Err).To(gbytes.Say("--status-writes-per-second=0: must be above 0"))
	})
})

// apiServerProcess finds the control plane's kube-apiserver by its port.
func apiServerProcess() *os.Process {
	GinkgoHelper()
	address, err := url.Parse(env.Config.Host)
	Expect(err).NotTo(HaveOccurred())
	if address.Port() == "" {
		address, err = url.Parse("https://" + env.Config.Host)
		Expect(err).NotTo(HaveOccurred())
	}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	Expect(err).NotTo(HaveOccurred())
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(line, []byte("kube-apiserver")) || !bytes.Contains(line, []byte("--secure-port="+address.Port())) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		Expect(err).NotTo(HaveOccurred())
		process, err := os.FindProcess(pid)
		Expect(err).NotTo(HaveOccurred())
		return process
	}
	Fail("no kube-apiserver at port " + address.Port())
	return nil
}
