package api

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/api/v1alpha1"
)

func object(kind, name, rest string) *unstructured.Unstructured {
	GinkgoHelper()
	u := &unstructured.Unstructured{}
	text := fmt.Sprintf("apiVersion: killorder.io/v1alpha1\nkind: %s\nmetadata: {name: %s}\n%s", kind, name, rest)
	Expect(yaml.Unmarshal([]byte(text), &u.Object)).To(Succeed())
	return u
}

var _ = Describe("KillOrderPolicy", func() {
	AfterEach(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, object("KillOrderPolicy", "default", "")))).To(Succeed())
	})

	It("has the documented defaults", func(ctx SpecContext) {
		Expect(k8s.Create(ctx, object("KillOrderPolicy", "default", ""))).To(Succeed())
		policy := &v1alpha1.KillOrderPolicy{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: "default"}, policy)).To(Succeed())
		spec, err := yaml.Marshal(policy.Spec)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(spec)).To(MatchYAML(`
topN: 10
critical:
  minPriority: 100000
  podSelector: {matchLabels: {killorder.io/critical: "true"}}
  riskRank: 3
  riskHeadroomPercent: 15
production: {}
usage: {source: Auto, maxAgeSeconds: 180}
nearLimitPercent: 85
assumedEvictionHard: 100Mi
`))
	})

	It("keeps a namespaceSelector of {} apart from none", func(ctx SpecContext) {
		Expect(k8s.Create(ctx, object("KillOrderPolicy", "default", "spec: {critical: {namespaceSelector: {}}}"))).To(Succeed())
		policy := &v1alpha1.KillOrderPolicy{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: "default"}, policy)).To(Succeed())
		Expect(policy.Spec.Critical.NamespaceSelector).NotTo(BeNil())
		Expect(policy.Spec.Production.NamespaceSelector).To(BeNil())
	})

	DescribeTable("rejects", func(ctx SpecContext, name, spec, message string) {
		err := k8s.Create(ctx, object("KillOrderPolicy", name, spec))
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry("another name", "mine", "", "there is one KillOrderPolicy, named default"),
		Entry("topN of 0", "default", "spec: {topN: 0}", "spec.topN"),
		Entry("topN of 21", "default", "spec: {topN: 21}", "spec.topN"),
		Entry("riskRank of 21", "default", "spec: {critical: {riskRank: 21}}", "spec.critical.riskRank"),
		Entry("a minPriority of the system classes", "default", "spec: {critical: {minPriority: 2000000000}}", "spec.critical.minPriority"),
		Entry("a headroom of 101%", "default", "spec: {critical: {riskHeadroomPercent: 101}}", "spec.critical.riskHeadroomPercent"),
		Entry("an unknown source", "default", "spec: {usage: {source: Guess}}", "spec.usage.source"),
		Entry("a maxAge shorter than readings take", "default", "spec: {usage: {maxAgeSeconds: 5}}", "spec.usage.maxAgeSeconds"),
		Entry("a threshold that is no amount", "default", "spec: {assumedEvictionHard: lots}", "must be a quantity of 0 or more, or a percentage of capacity"),
		Entry("a negative threshold", "default", "spec: {assumedEvictionHard: -1Gi}", "must be a quantity of 0 or more"),
		Entry("a threshold over 100%", "default", "spec: {assumedEvictionHard: 101%}", "must be a quantity of 0 or more"),
		Entry("a threshold that takes minutes to parse", "default", "spec: {assumedEvictionHard: '1e-99999999'}", "must be a quantity of 0 or more"),
		Entry("an exponent in capitals", "default", "spec: {assumedEvictionHard: '1E-9999'}", "must be a quantity of 0 or more"),
		Entry("an endless threshold", "default", "spec: {assumedEvictionHard: '"+strings.Repeat("1", 65)+"'}", "may not be more than 64"),
		Entry("a rule disabled twice", "default", "spec: {disabledFindings: [A, A]}", "spec.disabledFindings"),
	)

	DescribeTable("accepts a threshold of", func(ctx SpecContext, value string) {
		Expect(k8s.Create(ctx, object("KillOrderPolicy", "default", "spec: {assumedEvictionHard: "+value+"}"))).To(Succeed())
	},
		Entry("mebibytes", "100Mi"), Entry("a percentage", "5%"), Entry("half a percent", "0.5%"),
		Entry("a bare number", "104857600"), Entry("none", `"0"`),
		Entry("an exponent", "'1e8'"), Entry("an exponent below 0", "'1e-999'"), Entry("exabytes", "1E"), Entry("exbibytes", "1Ei"),
	)
})

var _ = Describe("NodeKillOrder", func() {
	AfterEach(func(ctx SpecContext) {
		Expect(k8s.DeleteAllOf(ctx, &v1alpha1.NodeKillOrder{})).To(Succeed())
	})

	// withStatus creates an order and writes its status.
	withStatus := func(ctx SpecContext, status string) error {
		order := object("NodeKillOrder", "worker-1", "")
		Expect(k8s.Create(ctx, order)).To(Succeed())
		withStatus := object("NodeKillOrder", "worker-1", status)
		withStatus.SetResourceVersion(order.GetResourceVersion())
		return k8s.Status().Update(ctx, withStatus)
	}

	It("ignores status on create: only the operator writes it", func(ctx SpecContext) {
		Expect(k8s.Create(ctx, object("NodeKillOrder", "worker-1", "status: {summary: {pods: 1, criticalAtRisk: 0, findings: 0}}"))).To(Succeed())
		order := &v1alpha1.NodeKillOrder{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: "worker-1"}, order)).To(Succeed())
		Expect(order.Status.Summary).To(BeNil())
	})

	DescribeTable("rejects a status with", func(ctx SpecContext, status, message string) {
		Expect(withStatus(ctx, status)).To(MatchError(ContainSubstring(message)))
	},
		Entry("an unknown killer", "status: {summary: {pods: 1, criticalAtRisk: 0, findings: 0, next: {killer: Moon, namespace: a, pod: b, uid: c, headroom: 1Gi}}}", "status.summary.next.killer"),
		Entry("more kills than are kept", "status: {kills: ["+kills(4)+"]}", "status.kills: Too many"),
		Entry("a kill without a known cause", "status: {kills: ["+strings.ReplaceAll(kills(1), "Eviction", "Moon")+"]}", "status.kills[0].cause"),
		Entry("a condition twice", "status: {conditions: [{type: Ready, status: 'True', reason: A, message: '', lastTransitionTime: '2026-11-24T06:00:00Z'}, {type: Ready, status: 'True', reason: A, message: '', lastTransitionTime: '2026-11-24T06:00:00Z'}]}", "status.conditions"),
	)

	It("accepts as many kills as are kept", func(ctx SpecContext) {
		Expect(withStatus(ctx, "status: {kills: ["+kills(v1alpha1.MaxKills)+"]}")).To(Succeed())
	})

	It("accepts a headroom below zero", func(ctx SpecContext) {
		Expect(withStatus(ctx, "status: {memory: {capacity: 16Gi, thresholdSource: Default, headroom: -20Mi}}")).To(Succeed())
		order := &v1alpha1.NodeKillOrder{}
		Expect(k8s.Get(ctx, client.ObjectKey{Name: "worker-1"}, order)).To(Succeed())
		Expect(order.Status.Memory.Headroom.Value()).To(BeEquivalentTo(-20 << 20))
	})
})

func kills(n int) (list string) {
	for range n {
		list += "{time: '2026-11-24T06:00:00Z', seenAt: '2026-11-24T06:00:01Z', cause: Eviction, confidence: High, namespace: a, pod: b, uid: c},"
	}
	return list[:len(list)-1]
}
