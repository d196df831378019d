package kubelet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/usage"
)

// issuer is an API server that gives tokens, each good for ten minutes.
type issuer struct {
	now    func() time.Time
	fails  error
	given  []time.Time
	asked  []string
	longer bool // the tokens live longer than was asked for
}

func (i *issuer) CreateToken(
	_ context.Context, name string, r *authenticationv1.TokenRequest, _ metav1.CreateOptions,
) (*authenticationv1.TokenRequest, error) {
	i.asked = append(i.asked, fmt.Sprintf("%s for %ds, audiences %q", name, *r.Spec.ExpirationSeconds, r.Spec.Audiences))
	if i.fails != nil {
		return nil, i.fails
	}
	i.given = append(i.given, i.now())
	answer := r.DeepCopy()
	if i.longer {
		*answer.Spec.ExpirationSeconds = 365 * 86400
	}
	answer.Status.Token = fmt.Sprint("for-kubelets-", len(i.given))
	return answer, nil
}

// accepts a token of the issuer's while it is good.
func (i *issuer) accepts(token string) bool {
	var number int
	if _, err := fmt.Sscanf(token, "for-kubelets-%d", &number); err != nil || number > len(i.given) {
		return false
	}
	return i.now().Sub(i.given[number-1]) < 10*time.Minute
}

// newAccountRig asks one kubelet, with the tokens of an account.
func newAccountRig(t *testing.T) (*rig, *fake, *issuer) {
	t.Helper()
	f, tokens := newFake(t, "worker-1"), &issuer{}
	config := &rest.Config{Host: "https://api.invalid", BearerToken: "wide", TLSClientConfig: rest.TLSClientConfig{CAData: certificateOf(f)}}
	r := rigWith(t, config, &Options{
		Interval: 30 * time.Second, Account: &Account{Namespace: "killorder-system", Name: "kubelet-reader", Accounts: tokens},
	}, f)
	tokens.now, f.accepts = r.Now, tokens.accepts
	return r, f, tokens
}

// TestKubeletsGetTheAccountsToken: kubelets get the account's token, which is renewed in time, and never any other
// credentials.
func TestKubeletsGetTheAccountsToken(t *testing.T) {
	r, f, tokens := newAccountRig(t)
	shown := map[string]bool{}
	for pass := range 60 {
		if s, failures := r.at(t, time.Duration(pass)*30*time.Second); len(s.pods) != 1 {
			t.Fatalf("pass %d: %v", pass, failures)
		}
		shown[*f.shown.Load()] = true
	}
	want := map[string]bool{}
	for i := range 6 {
		want[fmt.Sprint("for-kubelets-", i+1)] = true
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("shown in half an hour (-want +got):\n%s", diff)
	}
	if want := "kubelet-reader for 600s, audiences []"; len(tokens.asked) != 6 || tokens.asked[0] != want {
		t.Errorf("asked %d times, %q; want 6 times, %q", len(tokens.asked), tokens.asked[0], want)
	}
	if r.Config("worker-1") == nil {
		t.Error("the configuration was not read")
	}
}

// TestTokenThatIsNotGiven: the token before is used until it expires. After that no request is sent, and the problem says
// why.
func TestTokenThatIsNotGiven(t *testing.T) {
	accounts := schema.GroupResource{Resource: "serviceaccounts/token"}
	for name, tc := range map[string]struct {
		fails error
		want  string
	}{
		"forbidden":  {apierrors.NewForbidden(accounts, "kubelet-reader", errors.New("no")), "The operator has no token for kubelets: it may not create serviceaccounts/token of killorder-system/kubelet-reader."},
		"no account": {apierrors.NewNotFound(accounts, "kubelet-reader"), "The operator has no token for kubelets: there is no service account killorder-system/kubelet-reader."},
		"down":       {errors.New("down"), "The operator has no token for kubelets: the API server gives none for killorder-system/kubelet-reader."},
	} {
		t.Run(name, func(t *testing.T) {
			r, f, tokens := newAccountRig(t)
			r.at(t, 0)
			tokens.fails = tc.fails
			for minutes := 1; minutes < 10; minutes++ {
				if s, failures := r.at(t, time.Duration(minutes)*time.Minute); len(s.pods) != 1 {
					t.Fatalf("not read after %d minutes, with a token that is good: %v", minutes, failures)
				}
			}
			before := f.asked.Load()
			var failures []usage.Failure
			for seconds := 600; seconds <= 1800; seconds += 30 {
				_, failures = r.at(t, time.Duration(seconds)*time.Second)
			}
			if got := r.Problem("worker-1"); got != tc.want || !r.NeedsOther("worker-1") {
				t.Errorf("problem %q, want %q", got, tc.want)
			}
			if len(failures) != 1 || failures[0].Cause != usage.FailedToken {
				t.Errorf("failures %v", failures)
			}
			if f.asked.Load() != before || strings.Contains(*f.shown.Load(), "wide") {
				t.Errorf("the kubelet was asked without a token, with %q", *f.shown.Load())
			}
			tokens.fails = nil
			if s, failures := r.at(t, 1830*time.Second); len(s.pods) != 1 {
				t.Errorf("not read with a token again: %v", failures)
			}
		})
	}
}

// TestTokensAndTheClock: when the clock jumps, one more token is requested and no reading is lost.
func TestTokensAndTheClock(t *testing.T) {
	for name, jump := range map[string]time.Duration{"an hour back": -time.Hour, "an hour ahead": time.Hour} {
		t.Run(name, func(t *testing.T) {
			r, _, tokens := newAccountRig(t)
			tokens.longer = true
			r.at(t, 0)
			if s, failures := r.at(t, jump); len(s.pods) != 1 || len(tokens.asked) != 2 {
				t.Errorf("read %v, asked for %d tokens: %v", s.pods, len(tokens.asked), failures)
			}
		})
	}
}
