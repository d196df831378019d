package kubelet

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// tokenLife is the shortest life of a token that the API server allows (kubernetes v1.37.2,
	// pkg/apis/authentication/validation).
	tokenLife = 10 * time.Minute
	// tokenTimeout bounds a request for a token.
	tokenTimeout = 5 * time.Second
)

// Account is the service account that kubelets see in place of the operator's own. Whoever answers at a node's address gets
// the token, so the account should have get on nodes/stats and nodes/configz, and no other right.
type Account struct {
	Namespace, Name string
	// Accounts are the namespace's service accounts.
	Accounts interface {
		CreateToken(ctx context.Context, name string, r *authenticationv1.TokenRequest, o metav1.CreateOptions,
		) (*authenticationv1.TokenRequest, error)
	}
}

func (a *Account) String() string { return a.Namespace + "/" + a.Name }

// tokens holds the latest token of an account, which is renewed after half of its life.
type tokens struct {
	*Account
	now func() time.Time
	log logr.Logger

	mu       sync.RWMutex
	text     string
	received time.Time
	life     time.Duration
	// err is why the last request for a token failed, nil if it did not.
	err error
}

// tokenError is a request to a kubelet that was not sent, because there was no token for it.
type tokenError struct {
	account *Account
	error
}

func (e *tokenError) Unwrap() error { return e.error }

func (e *tokenError) text() string {
	switch {
	case apierrors.IsForbidden(e.error):
		return "The operator has no token for kubelets: it may not create serviceaccounts/token of " + e.account.String() + "."
	case apierrors.IsNotFound(e.error):
		return "The operator has no token for kubelets: there is no service account " + e.account.String() + "."
	}
	return "The operator has no token for kubelets: the API server gives none for " + e.account.String() + "."
}

// renew requests a token if there is none, or if half of the present one's life is over. Requests to kubelets go on with
// the present token while it lives.
//
// The token has the API server's own audiences, since kubelets accept no other: they pass it on in a TokenReview that names
// none (kubernetes v1.37.2, cmd/kubelet/app/auth.go BuildAuthn sets no APIAudiences). It cannot be bound to the operator's
// Pod, which has another account (pkg/registry/core/serviceaccount/storage/token.go).
func (t *tokens) renew(ctx context.Context) {
	t.mu.RLock()
	isYoung := t.isYounger(t.life / 2)
	t.mu.RUnlock()
	if isYoung {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	life := int64(tokenLife / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &life}}
	answer, err := t.Accounts.CreateToken(ctx, t.Name, request, metav1.CreateOptions{})
	if err == nil && answer.Status.Token == "" {
		err = fmt.Errorf("the API server's answer holds no token")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil && (t.err == nil || t.err.Error() != err.Error()) {
		t.log.Error(err, "no new token for kubelets; not logged again for this reason", "account", t.String())
	}
	if t.err = err; err != nil {
		return
	}
	t.text, t.received, t.life = answer.Status.Token, t.now(), tokenLife
	if given := answer.Spec.ExpirationSeconds; given != nil && *given > 0 {
		t.life = min(time.Duration(*given)*time.Second, tokenLife)
	}
}

// isYounger reports whether there is a token that was received less than the given time ago. If the clock was put back, the
// token seems to have been received in the future: its age is not known, and the token counts as old. The caller holds mu.
func (t *tokens) isYounger(than time.Duration) bool {
	age := t.now().Sub(t.received)
	return t.text != "" && age >= 0 && age < than
}

// current returns the token to show.
func (t *tokens) current() (string, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.isYounger(t.life) {
		return t.text, nil
	}
	err := t.err
	if err == nil {
		err = context.DeadlineExceeded // the last token ran out before renew asked for another
	}
	return "", &tokenError{t.Account, err}
}

// showing sends requests with the account's token.
type showing struct {
	*tokens
	next http.RoundTripper
}

// RoundTrip sends a request with the token. If there is no token, RoundTrip sends nothing: it must not show other
// credentials in place of the token.
func (s *showing) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := s.current()
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return s.next.RoundTrip(r)
}
