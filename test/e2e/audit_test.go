package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/killorder/killorder/test/e2e/node"
)

// operatorAccount is the account that config/default makes for the operator, kubeletAccount the one that kubelets see.
var (
	operatorAccount = node.ServiceAccount(system, "killorder-manager")
	kubeletAccount  = node.ServiceAccount(system, "killorder-kubelet-reader")
)

// After all scenes the suite reads the API server's audit log: the requests of the operator, and the kubelet's questions
// about the operator's accounts.
var _ = ginkgo.AfterSuite(func(ctx ginkgo.SpecContext) {
	if api == nil {
		return // the node did not come up, which is failure enough
	}
	events, err := machine.Audit()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	requests := auditRequests(ctx, events)
	reviews := auditReviews(events)
	say("audit: %s; kubelet: %s", requests, reviews)
	say("kills: status.kills showed what happened, each once, and nothing else: %s", kills.judge(ctx))
	kills.expectCounts(ctx)
}, ginkgo.NodeTimeout(patience(3*time.Minute)))

// auditRequests expects that all requests of the operator were within what config/default grants it, and that none was
// refused.
func auditRequests(ctx ginkgo.SpecContext, events []node.AuditEvent) (summary string) {
	ginkgo.GinkgoHelper()
	granted, everyones := grantedRights(ctx), everyonesRights(ctx)
	gomega.Expect(granted[""]).NotTo(gomega.BeEmpty(), "rights that config/default grants")
	all, discovery := 0, 0
	var outside, refused []string
	for i := range events {
		e := &events[i]
		if e.User.Username != operatorAccount {
			continue
		}
		all++
		switch {
		case granted.cover(e):
		case e.ObjectRef == nil && everyones.cover(e):
			discovery++
		default:
			outside = append(outside, e.Verb+" "+e.RequestURI)
		}
		if e.ResponseStatus != nil && e.ResponseStatus.Code == http.StatusForbidden {
			refused = append(refused, e.Verb+" "+e.RequestURI)
		}
	}
	gomega.Expect(outside).To(gomega.BeEmpty(), "requests beyond the rights of config/default")
	gomega.Expect(refused).To(gomega.BeEmpty(), "requests that the API server refused")
	gomega.Expect(all).To(gomega.BeNumerically(">", discovery), "requests of the operator")
	return fmt.Sprintf("%d requests of the operator, all within its granted rights (%d of them only ask which kinds there are)",
		all, discovery)
}

// auditReviews expects that the kubelet never saw the operator's own account. About kubeletAccount, the kubelet asked only
// whether it may get stats and configuration; other rights, above all that to nodes/proxy, are not needed and not granted.
// The account was refused only while a scene had taken a right from it.
func auditReviews(events []node.AuditEvent) (summary string) {
	ginkgo.GinkgoHelper()
	allowed, refused := map[string]int{}, map[string]int{}
	for i := range events {
		e := &events[i]
		if e.User.Username != "system:node:"+node.Name || e.ResponseObject == nil {
			continue
		}
		gomega.Expect(e.ResponseObject.Spec.User).NotTo(gomega.Equal(operatorAccount), "the operator's own token was shown to the kubelet")
		if e.ResponseObject.Spec.User != kubeletAccount {
			continue
		}
		what := reviewed(&e.ResponseObject.Spec)
		if e.ResponseObject.Status.Allowed {
			allowed[what]++
			continue
		}
		refused[what]++
		gomega.Expect(e.RequestReceivedTimestamp).To(gomega.BeTemporally(">=", denied.from), "a refusal before any right was taken: %s", what)
		gomega.Expect(denied.from).NotTo(gomega.BeZero(), "a refusal, though no right was taken: %s", what)
		if !denied.until.IsZero() {
			gomega.Expect(e.RequestReceivedTimestamp).To(gomega.BeTemporally("<=", denied.until), "a refusal with all rights: %s", what)
		}
	}
	const stats, config = "get nodes/stats of " + node.Name, "get nodes/configz of " + node.Name
	for what := range allowed {
		gomega.Expect(what).To(gomega.BeElementOf(stats, config), "a right of the operator at the kubelet")
	}
	for what := range refused {
		gomega.Expect(what).To(gomega.BeElementOf(stats, config), "what the kubelet asked about the operator")
	}
	gomega.Expect(allowed).To(gomega.And(gomega.HaveKey(stats), gomega.HaveKey(config)))
	return fmt.Sprintf("%d reviews, all of them get on nodes/stats (%d allowed, %d refused while the right was taken away) "+
		"or nodes/configz (%d allowed, %d refused); none of nodes/proxy",
		allowed[stats]+refused[stats]+allowed[config]+refused[config], allowed[stats], refused[stats], allowed[config], refused[config])
}

func reviewed(s *authorizationv1.SubjectAccessReviewSpec) string {
	if r := s.ResourceAttributes; r != nil {
		return fmt.Sprintf("%s %s of %s", r.Verb, strings.Trim(r.Group+"/"+r.Resource+"/"+r.Subresource, "/"), r.Name)
	}
	return fmt.Sprintf("%s %s", s.NonResourceAttributes.Verb, s.NonResourceAttributes.Path)
}
