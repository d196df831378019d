package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/test/e2e/isolate"
	"github.com/killorder/killorder/test/integration/harness"
)

// kept is all that helm uninstall leaves, as docs/install.md says.
var kept = []string{
	"customresourcedefinition.apiextensions.k8s.io/killorderpolicies.killorder.io",
	"customresourcedefinition.apiextensions.k8s.io/nodekillorders.killorder.io",
}

// tryChart installs the operator from the chart, expects orders, and removes the operator again. This happens before the
// scenes: the count of kills in the scenes has to begin with the operator that dist/install.yaml installs.
func tryChart(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	helm(ctx, "install", "killorder", filepath.Join(harness.Root(), "charts", "killorder"), "--create-namespace",
		"--set", "extraArgs={--usage-interval="+usageInterval.String()+"}")
	expectOrders(ctx, "helm install of charts/killorder")
	// The pods have to end before their rights are removed: requests of a pod without rights would be refused, and would be
	// in the audit log.
	kubectl(ctx, "scale", "deployment/killorder-manager", "-n", system, "--replicas=0")
	gomega.Eventually(func(g gomega.Gomega) {
		var pods corev1.PodList
		g.Expect(api.List(ctx, &pods, client.InNamespace(system))).To(gomega.Succeed())
		g.Expect(pods.Items).To(gomega.BeEmpty())
	}).WithTimeout(time.Minute).WithPolling(time.Second).Should(gomega.Succeed())
	helm(ctx, "uninstall", "killorder", "--wait")
	left := kubectl(ctx, "get", "clusterroles,clusterrolebindings,priorityclasses,customresourcedefinitions",
		"-l", "app.kubernetes.io/name=killorder", "-o", "name")
	gomega.Expect(strings.Fields(left)).To(gomega.ConsistOf(kept), "what helm uninstall leaves for the cluster")
	left = kubectl(ctx, "get", "all,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets", "-n", system,
		"-l", "app.kubernetes.io/name=killorder", "-o", "name")
	gomega.Expect(left).To(gomega.BeEmpty(), "what helm uninstall leaves in the namespace")
	kubectl(ctx, append([]string{"delete"}, kept...)...)
	kubectl(ctx, "delete", "namespace", system)
}

// helm runs the pinned helm, which `make e2e` builds, for the operator's namespace.
func helm(ctx ginkgo.SpecContext, args ...string) {
	ginkgo.GinkgoHelper()
	home := filepath.Join(isolate.Dir(), "helm")
	run := exec.CommandContext(ctx, filepath.Join(harness.Root(), "bin", "tools", "helm"),
		append(args, "--kubeconfig="+machine.Kubeconfig(), "-n", system)...)
	run.Env = append(os.Environ(), "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home)
	output, err := run.CombinedOutput()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "helm %v: %s", args, output)
}

func kubectl(ctx ginkgo.SpecContext, args ...string) string {
	ginkgo.GinkgoHelper()
	output, err := exec.CommandContext(ctx, machine.Programs.Kubectl, append(args, "--kubeconfig="+machine.Kubeconfig())...).Output()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "kubectl %v", args)
	return string(output)
}
