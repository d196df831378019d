package kubelet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/usage"
)

// The paths that are read; the right to get nodes/stats opens the first, nodes/configz the second.
const (
	pathSummary = "/stats/summary?only_cpu_and_memory=true"
	pathConfigz = "/configz"
)

// Trust is how a kubelet's serving certificate is verified.
type Trust struct {
	// CAFile holds the authorities that sign the kubelets' certificates; "" means those that sign the API server's. The file
	// may change while the operator runs.
	CAFile string
	// Insecure: the certificates are not verified.
	Insecure bool
}

// betweenRequests is how long a connection waits for the second request of a pass.
const betweenRequests = time.Second

// newClient returns a client for kubelets. The client shows the tokens of an account or, without an account, the credentials
// of config.
//
// A connection serves the requests of one pass: one, or two where the configuration is read, too. To keep 5,000 connections open
// would save 7% of a core, but take ten times the memory of the readings and everything else (docs/scale.md). TLS sessions are
// resumed (handshakes): this saves less, but a session that is not resumed shows that the kubelet was restarted.
//
// When a request is given up while its connection is being made, only the limit of handshakes ends that connection. This limit is a
// little longer than the timeout of a request, so that the error is always that of the request.
func newClient(config *rest.Config, o *Options, shown *tokens, timeout time.Duration) (*http.Client, error) {
	c := rest.CopyConfig(config)
	if o.Account != nil {
		c = rest.AnonymousClientConfig(config)
	}
	c.ServerName, c.NextProtos, c.Insecure = "", nil, false // meant for the API server
	if o.Trust.CAFile != "" || o.Trust.Insecure {
		c.CAFile, c.CAData, c.Insecure = o.Trust.CAFile, nil, o.Trust.Insecure
	}
	secured, err := rest.TLSConfigFor(c)
	if err != nil {
		return nil, fmt.Errorf("TLS of kubelets: %w", err)
	}
	if secured == nil {
		secured = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	secured.VerifyConnection = refuseLargeChain
	transport := &http.Transport{
		DialContext: new(net.Dialer).DialContext, TLSClientConfig: secured,
		MaxIdleConnsPerHost: 1, IdleConnTimeout: betweenRequests, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
	}
	shaking := handshakes{sessions: newSessions(), now: o.Now, timeout: timeout + time.Second}
	shaking.secure(transport)
	var secure http.RoundTripper = transport
	if c.CAFile != "" && len(c.CAData) == 0 {
		secure = &trusting{file: c.CAFile, now: o.Now, log: o.Log, handshakes: shaking, transport: transport}
	}
	authenticated, err := rest.HTTPWrappersForConfig(c, secure)
	if err != nil {
		return nil, fmt.Errorf("credentials for kubelets: %w", err)
	}
	if shown != nil {
		authenticated = &showing{shown, authenticated}
	}
	return &http.Client{Transport: authenticated, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the credentials are for the kubelet alone
	}}, nil
}

// maxChain bounds the certificates that a kubelet shows, in bytes: the certificates stay in memory with the TLS session.
const maxChain = 32 << 10

var errLargeChain = errors.New("the certificates it shows are larger than 32 KiB")

func refuseLargeChain(c tls.ConnectionState) error {
	size := 0
	for _, certificate := range c.PeerCertificates {
		size += len(certificate.Raw)
	}
	if size > maxChain {
		return errLargeChain
	}
	return nil
}

// statusError is an answer other than 200.
type statusError struct{ code int }

func (e *statusError) Error() string { return "answers " + statusText(e.code) }

func statusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return strconv.Itoa(code) + " " + text
	}
	return strconv.Itoa(code)
}

// session says what a request told about the kubelet's TLS session.
type session int8

const (
	// sessionNone: the kubelet did not answer.
	sessionNone session = iota
	// sessionNew: the kubelet answered, whatever the answer, and did not know the session of the last time.
	sessionNew
	// sessionResumed: the kubelet answered in the session of the last time.
	sessionResumed
)

// get reads one answer of a kubelet within the source's timeout. Where more follows, the connection stays open for the next request.
func (s *Source) get(ctx context.Context, n *Node, path string, more bool, read func(io.Reader) error) (told session, err error) {
	ctx, cancel := usage.Within(ctx, s.timeout)
	defer cancel()
	at := net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port)))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+at+path, http.NoBody)
	if err != nil {
		return sessionNone, err
	}
	req.Close = !more
	resp, err := s.client.Do(req)
	if err != nil {
		return sessionNone, usage.CauseOf(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // the body has been read, or given up
	told = sessionNew
	if resp.TLS != nil && resp.TLS.DidResume {
		told = sessionResumed
	}
	if resp.StatusCode != http.StatusOK {
		err = &statusError{resp.StatusCode}
	} else if err = read(resp.Body); err != nil {
		err = usage.CauseOf(ctx, &contentError{err})
	}
	return told, err
}

// contentError is an answer that is not what it should be.
type contentError struct{ error }

func (e *contentError) Unwrap() error { return e.error }
