package prometheus

import (
	"context"
	"crypto/tls"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/killorder/killorder/test/integration/harness"
)

// answerTo is the HTTP status with which the operator answers a scraper that shows a token, "" for none.
func answerTo(ctx context.Context, bearer string) int {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/metrics", http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	return response.StatusCode
}

func querying(ctx context.Context, expr string) func() ([]sample, error) {
	return func() ([]sample, error) { return server.query(ctx, expr) }
}

func value(v float64) OmegaMatcher { return HaveField("Value", v) }

func on(node string, v OmegaMatcher) OmegaMatcher {
	return And(HaveField("Labels", HaveKeyWithValue("node", node)), HaveField("Value", v))
}

var _ = Describe("A real Prometheus", Ordered, func() {
	It("scrapes with the scraper's token", func(ctx SpecContext) {
		Eventually(querying(ctx, `up{job="killorder-metrics"}`)).Should(ConsistOf(value(1)))
	})

	It("is refused without a token, and with that of an account that may not", func(ctx SpecContext) {
		Eventually(func() (map[string]scraped, error) { return server.targets(ctx) }).Should(And(
			HaveKeyWithValue("killorder-metrics", And(HaveField("Health", "up"), HaveField("LastError", ""))),
			HaveKeyWithValue("anonymous", And(HaveField("Health", "down"), HaveField("LastError", ContainSubstring("401 Unauthorized")))),
			HaveKeyWithValue("outsider", And(HaveField("Health", "down"), HaveField("LastError", ContainSubstring("403 Forbidden")))),
		))
		Eventually(querying(ctx, `up{job=~"anonymous|outsider"}`)).Should(And(HaveLen(2), HaveEach(value(0))))
		Expect(answerTo(ctx, "")).To(Equal(http.StatusUnauthorized))
		Expect(answerTo(ctx, "no.such.token")).To(Equal(http.StatusInternalServerError), "as controller-runtime answers where the review fails")
		Expect(answerTo(ctx, token(ctx, "outsider"))).To(Equal(http.StatusForbidden))
		Expect(answerTo(ctx, token(ctx, "killorder-metrics-scraper"))).To(Equal(http.StatusOK))
	})

	It("has each node's gauges", func(ctx SpecContext) {
		Eventually(querying(ctx, "killorder_node_capacity_bytes")).Should(ConsistOf(
			on("worker-1", Equal(float64(16<<30))), on("worker-2", Equal(float64(16<<30)))))
		Eventually(querying(ctx, "killorder_node_headroom_bytes")).Should(ConsistOf(
			on("worker-1", And(BeNumerically(">", 0), BeNumerically("<", 2<<30))), on("worker-2", BeNumerically(">", 10<<30))))
		Eventually(querying(ctx, `killorder_node_condition{condition="Ready"}`)).Should(ConsistOf(
			on("worker-1", Equal(1.0)), on("worker-2", Equal(1.0))))
		Eventually(querying(ctx, `killorder_node_critical_at_risk`)).Should(ConsistOf(
			on("worker-1", Equal(1.0)), on("worker-2", Equal(0.0))))
		Eventually(querying(ctx, `killorder_node_findings{rule="NearMemoryLimit",severity="Warning"}`)).Should(ConsistOf(
			on("worker-1", Equal(1.0))))
		Eventually(querying(ctx, `time() - killorder_node_usage_timestamp_seconds`)).Should(And(
			HaveLen(2), HaveEach(HaveField("Value", BeNumerically("<", 120)))))
	})

	It("names the ranked pod by its own labels, not by those of the operator's pod", func(ctx SpecContext) {
		Eventually(querying(ctx, `killorder_critical_pod_rank{killer="Eviction"}`)).Should(ConsistOf(And(
			on("worker-1", Equal(1.0)),
			HaveField("Labels", HaveKeyWithValue("namespace", "shop")),
			HaveField("Labels", HaveKeyWithValue("pod", HavePrefix("payments-api"))))))
	})

	It("raises the alert that names the pod, and no other about a healthy operator", func(ctx SpecContext) {
		Eventually(func() (map[string]ruleState, error) { return server.rules(ctx) }, 4*time.Minute).Should(
			HaveKeyWithValue("KillorderCriticalPodAtRisk", HaveField("State", "firing")))
		rules, err := server.rules(ctx)
		Expect(err).NotTo(HaveOccurred())
		want, err := alerts()
		Expect(err).NotTo(HaveOccurred())
		Expect(rules).To(HaveLen(len(want)))
		Expect(rules).To(HaveEach(And(HaveField("Health", "ok"), HaveField("LastError", ""))))
		raised := rules["KillorderCriticalPodAtRisk"].Alerts
		Expect(raised).To(HaveLen(1))
		GinkgoWriter.Println(raised[0].Annotations["description"])
		Expect(raised[0].Annotations["description"]).To(MatchRegexp(
			`1 critical pod\(s\) are among the first to die on worker-1 \(16GiB\)\. ` +
				`Left before the kubelet evicts: [0-9.]+[MG]iB; before the kernel's OOM killer: [0-9.]+[MG]iB\. ` +
				`In front: .*shop/payments-api[-a-z0-9]* \(rank 1 of Eviction\)`))
		Expect(rules).To(HaveKeyWithValue("KillorderContainerNearLimit", HaveField("State", "pending")), "for 15 minutes")
		for name, rule := range rules {
			if slices.Contains([]string{
				"KillorderDown", "KillorderUsageStale", "KillorderWritesFailing", "KillorderWritesHeldBack",
				"KillorderMemoryPressure", "KillorderEvictions", "KillorderOOMKills",
			}, name) {
				Expect(rule.State).To(Equal("inactive"), name)
			}
		}
	}, SpecTimeout(5*time.Minute))

	It("answers every query of the dashboard", func(ctx SpecContext) {
		board, err := dashboardFile()
		Expect(err).NotTo(HaveOccurred())
		Expect(board.queries()).NotTo(BeEmpty())
		for _, q := range board.queries() {
			if strings.Contains(q.expr, "leader_election") {
				Expect(server.query(ctx, q.expr)).To(BeEmpty(), "a single process needs no leader election")
				continue
			}
			Eventually(querying(ctx, q.expr)).ShouldNot(BeEmpty(), q.panel)
		}
	})

	It("answers the queries of the runbooks", func(ctx SpecContext) {
		queries := runbookLines("promql")
		Expect(queries).NotTo(BeEmpty())
		for _, q := range queries {
			Eventually(querying(ctx, q)).ShouldNot(BeEmpty(), q)
		}
	})

	It("runs the runbooks' commands as they stand, beside it", func(ctx SpecContext) {
		ran := 0
		for _, line := range runbookLines("sh") {
			if command, _, _ := strings.Cut(line, " | "); strings.HasPrefix(command, "kubectl ") && !elsewhere.MatchString(command) {
				GinkgoWriter.Println("+ " + command + "\n" + pasted(ctx, command))
				ran++
			}
		}
		Expect(ran).To(BeNumerically(">", 15))
	}, SpecTimeout(5*time.Minute))

	It("says so when the operator is gone", func(ctx SpecContext) {
		Eventually(querying(ctx, "absent(killorder_usage_last_pass_timestamp_seconds)")).Should(BeEmpty())
		operator.Stop()
		Eventually(querying(ctx, "absent(killorder_usage_last_pass_timestamp_seconds)")).Should(ConsistOf(value(1)))
		Eventually(func() (map[string]ruleState, error) { return server.rules(ctx) }).Should(
			HaveKeyWithValue("KillorderDown", HaveField("State", "pending")))
	})
})

var _ = Describe("The ServiceMonitor", func() {
	It("selects the Service that config/default makes, and a port of it", func(ctx SpecContext) {
		var monitor serviceMonitor
		Expect(read(configFile("prometheus", "service_monitor.yaml"), &monitor)).To(Succeed())
		var selected []string
		for _, o := range harness.Rendered(ctx, "config/default") {
			labels := o.GetLabels()
			if o.GetKind() != "Service" || slices.ContainsFunc(slices.Collect(maps.Keys(monitor.Spec.Selector.MatchLabels)), func(k string) bool {
				return labels[k] != monitor.Spec.Selector.MatchLabels[k]
			}) {
				continue
			}
			selected = append(selected, o.GetName())
			Expect(o.GetNamespace()).To(Equal(namespace))
			Expect(o.Object["spec"]).To(HaveKeyWithValue("ports", ContainElement(HaveKeyWithValue("name", monitor.Spec.Endpoints[0].Port))))
		}
		Expect(selected).To(ConsistOf("killorder-metrics"))
	})
})
