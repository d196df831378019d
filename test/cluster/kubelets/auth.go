package kubelets

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// decisionTTL is how long the guard remembers an answer of the API server. The
// time is short, so that a test that takes a right away does not wait long.
const decisionTTL = 10 * time.Second

// guard decides who may read what, as a kubelet with webhook authentication and
// authorization does. The caller must show a client certificate of the cluster or
// a token that the API server knows, and the caller's user must have the right to
// get the subresource of the node.
type guard struct {
	client kubernetes.Interface
	mu     sync.Mutex
	tokens map[string]decision[*user]
	rights map[string]decision[bool]
}

type user struct {
	name   string
	groups []string
}

type decision[T any] struct {
	value T
	until time.Time
}

func newGuard(client kubernetes.Interface) *guard {
	return &guard{client: client, tokens: map[string]decision[*user]{}, rights: map[string]decision[bool]{}}
}

// check returns an HTTP status: 200, 401 (unknown) or 403 (known, not allowed).
func (g *guard) check(r *http.Request, node string) (int, error) {
	u, err := g.authenticate(r.Context(), r)
	if err != nil {
		return http.StatusInternalServerError, err
	}
	if u == nil {
		return http.StatusUnauthorized, nil
	}
	for _, subresource := range subresources(r.URL.Path) {
		allowed, err := g.allowed(r.Context(), u, node, subresource)
		if err != nil {
			return http.StatusInternalServerError, err
		}
		if allowed {
			return http.StatusOK, nil
		}
	}
	return http.StatusForbidden, nil
}

// subresources returns the subresources of a node that open a path, the narrower
// one first; the right to one of them is enough
// (k8s.io/kubernetes pkg/kubelet/server/auth.go).
func subresources(path string) []string {
	switch {
	case path == "/configz":
		return []string{"configz", "proxy"}
	case path == "/healthz":
		return []string{"healthz", "proxy"}
	case strings.HasPrefix(path, "/stats/"):
		return []string{"stats"}
	case strings.HasPrefix(path, "/metrics"):
		return []string{"metrics"}
	}
	return []string{"proxy"}
}

// authenticate returns nil for a caller it does not know.
func (g *guard) authenticate(ctx context.Context, r *http.Request) (*user, error) {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		subject := r.TLS.PeerCertificates[0].Subject
		return &user{name: subject.CommonName, groups: subject.Organization}, nil
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return nil, nil
	}
	return remember(g, g.tokens, token, func() (*user, error) { return g.review(ctx, token) })
}

func (g *guard) review(ctx context.Context, token string) (*user, error) {
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	review, err := g.client.AuthenticationV1().TokenReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil || !review.Status.Authenticated {
		return nil, err
	}
	return &user{name: review.Status.User.Username, groups: review.Status.User.Groups}, nil
}

// allowed asks the API server once for all nodes of the process, and applies the
// answer for the first node to all of them. Roles that name single nodes
// (resourceNames) are therefore not supported.
func (g *guard) allowed(ctx context.Context, u *user, node, subresource string) (bool, error) {
	key := fmt.Sprintf("%s\x00%q\x00%s", u.name, slices.Sorted(slices.Values(u.groups)), subresource)
	return remember(g, g.rights, key, func() (bool, error) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: u.name, Groups: append(slices.Clone(u.groups), "system:authenticated"),
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: "get", Version: "v1", Resource: "nodes", Subresource: subresource, Name: node,
			},
		}}
		review, err := g.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		return review.Status.Allowed, nil
	})
}

// remember returns the kept decision if it is younger than decisionTTL. Otherwise
// remember decides again and keeps the decision, but no error.
func remember[T any](g *guard, made map[string]decision[T], key string, decide func() (T, error)) (T, error) {
	g.mu.Lock()
	old, ok := made[key]
	g.mu.Unlock()
	if ok && time.Now().Before(old.until) {
		return old.value, nil
	}
	value, err := decide()
	if err == nil {
		g.mu.Lock()
		made[key] = decision[T]{value: value, until: time.Now().Add(decisionTTL)}
		g.mu.Unlock()
	}
	return value, err
}
