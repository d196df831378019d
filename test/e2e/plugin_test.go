package e2e

import (
	"bytes"
	"encoding/json"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/cli"
	"github.com/killorder/killorder/test/e2e/node"
)

// metricsOnly is the order of this moment by what metrics.k8s.io knows, as the plugin ranks it: by the same code as
// the operator, without the kubelet's own readings and settings.
func metricsOnly(ctx ginkgo.SpecContext) *v1alpha1.NodeKillOrder {
	ginkgo.GinkgoHelper()
	var out, complaints bytes.Buffer
	status := cli.Run(ctx, []string{"rank", node.Name, "-o", "json", "--top", "0", "--kubeconfig", machine.Kubeconfig()},
		cli.Streams{In: &bytes.Buffer{}, Out: &out, Err: &complaints})
	gomega.Expect(status).To(gomega.BeZero(), complaints.String())
	var list struct{ Items []v1alpha1.NodeKillOrder }
	gomega.Expect(json.Unmarshal(out.Bytes(), &list)).To(gomega.Succeed())
	gomega.Expect(list.Items).To(gomega.HaveLen(1))
	return &list.Items[0]
}
