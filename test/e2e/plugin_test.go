package e2e

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli"
	"github.com/killorder/killorder/test/e2e/node"
)

// reader is a user who may read what README.md says that the plugin needs, and no kubelet.
const reader = "killorder-reader"

func createReader(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	named := metav1.ObjectMeta{Name: reader}
	gomega.Expect(api.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: named, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes", "pods", "namespaces"}, Verbs: []string{"get", "list"}},
		{APIGroups: []string{"metrics.k8s.io"}, Resources: []string{"nodes", "pods"}, Verbs: []string{"get", "list"}},
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"killorderpolicies", "nodekillorders"}, Verbs: []string{"get", "list"}},
	}})).To(gomega.Succeed())
	gomega.Expect(api.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: named,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: reader},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: reader}},
	})).To(gomega.Succeed())
}

// byPlugin is the order of this moment as the plugin ranks it, with the same engine as the operator, for a user who may read
// the kubelet through the API server.
func byPlugin(ctx ginkgo.SpecContext) *v1alpha1.NodeKillOrder {
	ginkgo.GinkgoHelper()
	return runPlugin(ctx, "")
}

// metricsOnly is the plugin's order from metrics.k8s.io alone, without the kubelet's own readings and settings.
func metricsOnly(ctx ginkgo.SpecContext) *v1alpha1.NodeKillOrder {
	ginkgo.GinkgoHelper()
	return runPlugin(ctx, "note: kubelets are read only for those who may get nodes/proxy: ranking by metrics.k8s.io, thresholds are inferred\n", "--as", reader)
}

// runPlugin ranks the node, and expects that the plugin prints the given notes first and no other note about kubelets.
func runPlugin(ctx ginkgo.SpecContext, notes string, args ...string) *v1alpha1.NodeKillOrder {
	ginkgo.GinkgoHelper()
	args = append(args, "rank", node.Name, "-o", "json", "--top", "0", "--kubeconfig", machine.Kubeconfig())
	var out, noted bytes.Buffer
	status := cli.Run(ctx, args, cli.Streams{In: &bytes.Buffer{}, Out: &out, Err: &noted})
	other, found := strings.CutPrefix(noted.String(), notes)
	gomega.Expect(found).To(gomega.BeTrue(), "want the note %q first, got %q", notes, noted.String())
	gomega.Expect(other).NotTo(gomega.ContainSubstring("kubelets"), "another note about kubelets")
	if other != "" {
		say("rank also notes: %s", other)
	}
	gomega.Expect(status).To(gomega.BeZero())
	var list struct{ Items []v1alpha1.NodeKillOrder }
	gomega.Expect(json.Unmarshal(out.Bytes(), &list)).To(gomega.Succeed())
	gomega.Expect(list.Items).To(gomega.HaveLen(1))
	return &list.Items[0]
}
