package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
)

const (
	// scraper is an account that may read the operator's metrics, by the role that config/default has for this purpose.
	scraper       = "scraper"
	metricsReader = "killorder-metrics-reader"
	metricsPort   = "8443"
)

var killsTotal = regexp.MustCompile(`^killorder_kills_total\{.*cause="([^"]*)".*\} (\S+)$`)

// expectCounts expects that the operator's metrics count the kills that really happened. Kills wait for late traces before
// they are counted.
func (l *ledger) expectCounts(ctx ginkgo.SpecContext) {
	ginkgo.GinkgoHelper()
	want := map[v1alpha1.KillCause]int{}
	for _, cause := range l.real {
		want[cause]++
	}
	bearer := createScraper(ctx)
	gomega.Eventually(func(g gomega.Gomega) {
		g.Expect(countedKills(ctx, g, bearer)).To(gomega.Equal(want), "killorder_kills_total by cause")
	}).WithContext(ctx).WithTimeout(patience(time.Minute)).WithPolling(time.Second).Should(gomega.Succeed())
	say("kills: killorder_kills_total: %s", countsOf(want))
}

// countedKills adds up the counts of all replicas, since only the replica that leads counts kills.
func countedKills(ctx context.Context, g gomega.Gomega, bearer string) map[v1alpha1.KillCause]int {
	counts := map[v1alpha1.KillCause]int{}
	for _, host := range operatorAddresses(ctx, g) {
		text, err := scrape(ctx, net.JoinHostPort(host, metricsPort), bearer)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		for line := range strings.Lines(text) {
			if m := killsTotal.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				n, err := strconv.ParseFloat(m[2], 64)
				g.Expect(err).NotTo(gomega.HaveOccurred())
				if n > 0 {
					counts[v1alpha1.KillCause(m[1])] += int(n)
				}
			}
		}
	}
	return counts
}

func operatorAddresses(ctx context.Context, g gomega.Gomega) (hosts []string) {
	if outsideOperator != nil {
		return []string{"127.0.0.1"}
	}
	var pods corev1.PodList
	g.Expect(api.List(ctx, &pods, client.InNamespace(system))).To(gomega.Succeed())
	for i := range pods.Items {
		p := &pods.Items[i]
		g.Expect(p.Status.PodIP).NotTo(gomega.BeEmpty(), "address of %s, %s: %s %s; %v",
			p.Name, p.Status.Phase, p.Status.Reason, p.Status.Message, p.Status.ContainerStatuses)
		hosts = append(hosts, p.Status.PodIP)
	}
	return hosts
}

// scrape reads the metrics as Prometheus does. The certificate of the endpoint is the operator's own.
func scrape(ctx context.Context, address, bearer string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/metrics", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+bearer)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", request.URL, response.Status, text)
	}
	return string(text), err
}

// createScraper makes the account, and returns its token.
func createScraper(ctx ginkgo.SpecContext) string {
	ginkgo.GinkgoHelper()
	named := metav1.ObjectMeta{Name: scraper, Namespace: scenes}
	gomega.Expect(api.Create(ctx, &corev1.ServiceAccount{ObjectMeta: named})).To(gomega.Succeed())
	gomega.Expect(api.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: scraper},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: metricsReader},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: scenes, Name: scraper}},
	})).To(gomega.Succeed())
	return token(ctx, scenes, scraper)
}
