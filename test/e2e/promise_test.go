package e2e

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli"
	"github.com/killorder/killorder/test/e2e/node"
)

// promised is the name of a Deployment of one replica, which is the first victim until its request is changed.
const promised = "promised"

// whatif says which pod is the first victim after a change. The scene then makes the change with the command that the plugin
// prints, and expects that the kubelet evicts the pod that whatif named.
var _ = ginkgo.Describe("a promise", ginkgo.Ordered, func() {
	hogs := []hog{
		{name: "promise-next", holds: 250, request: 100},
		{name: "promise-within", holds: 200, request: 300},
	}
	ginkgo.BeforeAll(func(ctx ginkgo.SpecContext) { configure(ctx, evicting) }, ginkgo.NodeTimeout(patience(3*time.Minute)))
	ginkgo.AfterAll(func(ctx ginkgo.SpecContext) {
		named := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: scenes, Name: promised}}
		gomega.Expect(client.IgnoreNotFound(api.Delete(ctx, named, client.PropagationPolicy(metav1.DeletePropagationBackground)))).To(gomega.Succeed())
		remove(ctx)
	}, ginkgo.NodeTimeout(patience(4*time.Minute)))

	ginkgo.It("of whatif is kept by the kubelet", func(ctx ginkgo.SpecContext) {
		grower := trigger("promise-trigger")
		gomega.Expect(api.Create(ctx, deployment(&hog{name: promised, holds: 350}))).To(gomega.Succeed())
		create(ctx, append(hogs, grower)...)
		first := replica(ctx)
		awaitOrder(ctx, append(hogs, hog{name: first, holds: 350})...)

		var explained struct {
			Answer   string
			Eviction struct{ Rank int }
		}
		ask(ctx, &explained, "explain", "pod/"+first)
		say("explain: %s", explained.Answer)
		gomega.Expect(explained.Eviction.Rank).To(gomega.Equal(1))

		var foreseen struct {
			Answer, Command string
			FirstEvicted    []struct{ Node, Before, After string }
		}
		ask(ctx, &foreseen, "whatif", "deployment/"+promised, "--requests", "memory=450Mi")
		say("whatif: %s", foreseen.Answer)
		gomega.Expect(foreseen.FirstEvicted).To(gomega.HaveLen(1), "%+v", foreseen)
		move := foreseen.FirstEvicted[0]
		gomega.Expect([]string{move.Node, move.After}).To(gomega.Equal([]string{node.Name, scenes + "/promise-next"}))

		paste(ctx, foreseen.Command)
		second := awaitReplica(ctx, first)
		awaitOrder(ctx, append(hogs, hog{name: second, holds: 350})...)
		push(ctx, grower.name, func() bool { return available(ctx) <= evictionThreshold-2*step })
		var victim string
		gomega.Eventually(func() string { victim = firstEvicted(ctx, "promise-next", "promise-within", second); return victim }).
			WithContext(ctx).WithTimeout(patience(time.Minute)).WithPolling(300 * time.Millisecond).ShouldNot(gomega.BeEmpty())
		say("promise: whatif named %s, the kubelet evicted %s/%s", move.After, scenes, victim)
		gomega.Expect(scenes + "/" + victim).To(gomega.Equal(move.After))
		awaitEnd(ctx, victim)
		expectEvictions(ctx)

		var diagnosed struct {
			Items []struct {
				Killed bool
				Cause  v1alpha1.KillCause
				Answer string
			}
		}
		ask(ctx, &diagnosed, "diagnose", "pod/"+victim)
		gomega.Expect(diagnosed.Items).To(gomega.HaveLen(1))
		say("diagnose: %s", diagnosed.Items[0].Answer)
		gomega.Expect(diagnosed.Items[0].Killed).To(gomega.BeTrue())
		gomega.Expect(diagnosed.Items[0].Cause).To(gomega.Equal(v1alpha1.CauseEviction))
	}, ginkgo.SpecTimeout(patience(8*time.Minute)))
})

// deployment of one replica of that pod.
func deployment(h *hog) *appsv1.Deployment {
	p := h.pod()
	p.Labels = map[string]string{"app": h.name}
	p.Spec.RestartPolicy = corev1.RestartPolicyAlways
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: scenes, Name: h.name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: p.Labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: p.Labels}, Spec: p.Spec},
		},
	}
}

// replica waits for the one replica of the Deployment to run, and for all others to be gone.
func replica(ctx ginkgo.SpecContext) string { return awaitReplica(ctx, "") }

func awaitReplica(ctx ginkgo.SpecContext, other string) (name string) {
	ginkgo.GinkgoHelper()
	gomega.Eventually(func(g gomega.Gomega) {
		var pods corev1.PodList
		g.Expect(api.List(ctx, &pods, client.InNamespace(scenes), client.MatchingLabels{"app": promised})).To(gomega.Succeed())
		g.Expect(pods.Items).To(gomega.HaveLen(1))
		name = pods.Items[0].Name
		g.Expect(name).NotTo(gomega.Equal(other))
		g.Expect(pods.Items[0].Status.Phase).To(gomega.Equal(corev1.PodRunning))
	}).WithContext(ctx).WithTimeout(patience(2 * time.Minute)).WithPolling(time.Second).Should(gomega.Succeed())
	return name
}

// ask runs a command of the plugin about a pod or workload of the scenes.
func ask(ctx ginkgo.SpecContext, answer any, args ...string) {
	ginkgo.GinkgoHelper()
	args = append(args, "-n", scenes, "-o", "json", "--kubeconfig", machine.Kubeconfig())
	var out, noted bytes.Buffer
	status := cli.Run(ctx, args, cli.Streams{In: &bytes.Buffer{}, Out: &out, Err: &noted})
	gomega.Expect(status).To(gomega.BeZero(), "%v: %s", args, noted.String())
	gomega.Expect(json.Unmarshal(out.Bytes(), answer)).To(gomega.Succeed(), "%v: %s", args, out.String())
}

// paste runs a command that the plugin prints for people to paste into a shell.
func paste(ctx ginkgo.SpecContext, command string) {
	ginkgo.GinkgoHelper()
	gomega.Expect(command).To(gomega.HavePrefix("kubectl "))
	script := machine.Programs.Kubectl + " --kubeconfig=" + machine.Kubeconfig() + strings.TrimPrefix(command, "kubectl")
	output, err := exec.CommandContext(ctx, "sh", "-c", script).CombinedOutput()
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "%s: %s", command, output)
	say("whatif's command: %s: %s", command, strings.TrimSpace(string(output)))
}

// firstEvicted is the first of these pods for which the kubelet made an Event of eviction.
func firstEvicted(ctx ginkgo.SpecContext, pods ...string) string {
	ginkgo.GinkgoHelper()
	for _, pod := range evictedForMemory(ctx) {
		if slices.Contains(pods, pod) {
			return pod
		}
	}
	return ""
}
