package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/e2e/isolate"
	"github.com/killorder/killorder/test/e2e/node"
	"github.com/killorder/killorder/test/integration/harness"
)

const (
	// system is where dist/install.yaml puts the operator, scenes where all other pods are.
	system = "killorder-system"
	scenes = "scenes"
	// usageInterval is shorter than the default, since the suite waits for a pass some dozen times. vmUsageInterval is
	// longer: the operator waits for a kubelet no longer than a third of the interval, and an emulated kubelet is slow.
	usageInterval   = 5 * time.Second
	vmUsageInterval = 20 * time.Second
)

// overlay is dist/install.yaml with one change. Image, rights, security and resources are its own.
const overlay = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [install.yaml]
patches:
- target: {kind: Deployment, name: killorder-manager}
  patch: '%s'
`

// faster is a flag more. elsewhere runs no replica: where the node is a virtual machine the operator runs outside, with
// the account, the rights and the flags of dist/install.yaml, as it mostly runs on another node than the one that it judges.
const (
	faster    = `[{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--usage-interval=%s"}]`
	elsewhere = `[{"op": "replace", "path": "/spec/replicas", "value": 0}]`
)

// priorities of the random pods.
var priorities = map[string]int32{"low": -100, "high": 100_000}

func prepare(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	gomega.Expect(api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: scenes}})).To(gomega.Succeed())
	never := corev1.PreemptNever
	for name, value := range priorities {
		gomega.Expect(api.Create(ctx, &schedulingv1.PriorityClass{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value, PreemptionPolicy: &never,
		})).To(gomega.Succeed())
	}
	createReader(ctx)
	gomega.Eventually(func() error {
		return api.Get(ctx, client.ObjectKey{Namespace: scenes, Name: "default"}, &corev1.ServiceAccount{})
	}).WithTimeout(time.Minute).Should(gomega.Succeed())
}

// deploy installs the operator as docs/install.md says, and waits until all of it is available.
func deploy(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	dir := filepath.Join(isolate.Dir(), "overlay")
	gomega.Expect(os.MkdirAll(dir, 0o755)).To(gomega.Succeed())
	install, err := os.ReadFile(filepath.Join(harness.Root(), "dist", "install.yaml"))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(os.WriteFile(filepath.Join(dir, "install.yaml"), install, 0o644)).To(gomega.Succeed())
	patch := fmt.Sprintf(faster, usageInterval)
	if *onVM {
		patch = elsewhere
	}
	text := fmt.Sprintf(overlay, patch)
	gomega.Expect(os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644)).To(gomega.Succeed())
	apply := exec.CommandContext(ctx, machine.Programs.Kubectl, "--kubeconfig="+machine.Kubeconfig(), "apply", "--server-side", "-k", dir)
	output, err := apply.CombinedOutput()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), string(output))
	if *onVM {
		startOutside(ctx)
	}
	expectOrders(ctx, "kubectl apply of dist/install.yaml")
	showAll(ctx)
}

// expectOrders waits until the operator that was just installed is available and has judged the node.
func expectOrders(ctx ginkgo.SpecContext, installedBy string) {
	ginkgo.GinkgoHelper()
	began := time.Now()
	gomega.Eventually(func(g gomega.Gomega) {
		operatorAvailable(ctx, g)
		var o v1alpha1.NodeKillOrder
		g.Expect(api.Get(ctx, client.ObjectKey{Name: node.Name}, &o)).To(gomega.Succeed())
		g.Expect(o.Status.Usage).To(gomega.HaveField("Source", v1alpha1.UsageSourceKubelet), "an order of the node")
	}).WithTimeout(patience(3 * time.Minute)).WithPolling(time.Second).Should(gomega.Succeed())
	say("operator: all replicas available, and an order published, %.1f s after %s", time.Since(began).Seconds(), installedBy)
}

// operatorAvailable expects that all replicas run and were never restarted, except for a replica that lost its lease: this
// happens on a machine that stands still for ten seconds.
func operatorAvailable(ctx ginkgo.SpecContext, g gomega.Gomega) {
	if outsideOperator != nil {
		if ended := outsideOperator.Ended(); ended != nil {
			gomega.StopTrying("the operator ended").Wrap(ended).Now()
		}
		return
	}
	var d appsv1.Deployment
	g.Expect(api.Get(ctx, client.ObjectKey{Namespace: system, Name: "killorder-manager"}, &d)).To(gomega.Succeed())
	g.Expect(d.Status.AvailableReplicas).To(gomega.Equal(*d.Spec.Replicas), "available replicas of the operator")
	var pods corev1.PodList
	g.Expect(api.List(ctx, &pods, client.InNamespace(system))).To(gomega.Succeed())
	for i := range pods.Items {
		for _, s := range pods.Items[i].Status.ContainerStatuses {
			if ended := s.LastTerminationState.Terminated; ended != nil {
				g.Expect(ended.Message).To(gomega.ContainSubstring("leader election lost"), "%s ended: %+v", pods.Items[i].Name, ended)
			}
		}
	}
}

// showAll makes the orders longer than they are by default: a cut order cannot be compared.
func showAll(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	var policy v1alpha1.KillOrderPolicy
	gomega.Expect(api.Get(ctx, client.ObjectKey{Name: "default"}, &policy)).To(gomega.Succeed())
	before := policy.DeepCopy()
	policy.Spec.TopN = 20
	gomega.Expect(api.Patch(ctx, &policy, client.MergeFrom(before))).To(gomega.Succeed())
}

// order is the node's, empty if there is none yet. A request that the API server does not answer is made again.
func order(ctx ginkgo.SpecContext) *v1alpha1.NodeKillOrder {
	ginkgo.GinkgoHelper()
	var o v1alpha1.NodeKillOrder
	gomega.Eventually(ctx, func() error {
		err := client.IgnoreNotFound(api.Get(ctx, client.ObjectKey{Name: node.Name}, &o))
		if err != nil {
			say("the order could not be read: %s", err)
		}
		if reason := apierrors.ReasonForError(err); err != nil && reason != metav1.StatusReasonUnknown && !apierrors.IsServerTimeout(err) {
			return gomega.StopTrying("the API server refused").Wrap(err)
		}
		return err
	}).WithTimeout(patience(20 * time.Second)).WithPolling(time.Second).Should(gomega.Succeed())
	return &o
}
