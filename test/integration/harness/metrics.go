package harness

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Scraper reads metrics of operators, with the token of an account that may.
type Scraper struct {
	client http.Client
	token  string
}

// NewScraper makes the account, for the length of the suite or spec.
func NewScraper(ctx context.Context, k8s client.Client) *Scraper {
	ginkgo.GinkgoHelper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "scraper"}}
	gomega.Expect(k8s.Create(ctx, account)).To(gomega.Succeed())
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "scraper"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "default", Name: "scraper"}},
	}
	gomega.Expect(k8s.Create(ctx, binding)).To(gomega.Succeed())
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) {
		gomega.Expect(k8s.Delete(ctx, binding)).To(gomega.Succeed())
		gomega.Expect(k8s.Delete(ctx, account)).To(gomega.Succeed())
	})
	request := &authenticationv1.TokenRequest{}
	gomega.Expect(k8s.SubResource("token").Create(ctx, account, request)).To(gomega.Succeed())
	// A connection that waited for the next request would count among the operator's goroutines.
	// The operator's certificate is its own.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	return &Scraper{http.Client{Transport: transport}, request.Status.Token}
}

// Sum of the samples at an address whose name and labels contain all of the words; -1 while nobody answers there.
func (s *Scraper) Sum(ctx context.Context, address string, words ...string) (sum float64) {
	ginkgo.GinkgoHelper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/metrics", http.NoBody)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	r.Header.Set("Authorization", "Bearer "+s.token)
	response, err := s.client.Do(r)
	if err != nil {
		return -1
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return -1
	}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if line := lines.Text(); all(line, words) {
			var v float64
			_, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &v)
			gomega.Expect(err).NotTo(gomega.HaveOccurred())
			sum += v
		}
	}
	return sum
}

func all(line string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return !strings.HasPrefix(line, "#")
}

// FreeAddress on loopback.
func FreeAddress() string {
	ginkgo.GinkgoHelper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	defer l.Close()
	return l.Addr().String()
}
