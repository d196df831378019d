package kubelet

import (
	"bytes"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// authorityAge is how often a file of certificate authorities is read again.
const authorityAge = time.Minute

var errNoCertificate = errors.New("it holds no certificate that can be read")

// trusting sends requests to servers whose certificates are signed by an authority in a file. When authorities are rotated,
// the file changes and trusting reads the file again. client-go's transports would notice the change too, but they always
// keep connections open, and a connection to a kubelet serves one pass (see newClient).
type trusting struct {
	file       string
	now        func() time.Time
	log        logr.Logger
	handshakes handshakes

	mu        sync.Mutex
	read      time.Time
	content   []byte
	transport *http.Transport
}

// RoundTrip sends a request.
func (t *trusting) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.current().RoundTrip(req)
}

// current returns a transport that trusts the authorities in the file. If the file cannot be read, the authorities that were
// read before stay trusted.
func (t *trusting) current() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.Sub(t.read).Abs() >= authorityAge { // also where the clock was put back
		t.read = now
		if err := t.renew(); err != nil {
			t.log.Error(err, "the certificate authorities of kubelets cannot be read, those before stay trusted", "file", t.file)
		}
	}
	return t.transport
}

func (t *trusting) renew() error {
	content, err := os.ReadFile(t.file)
	if err != nil || bytes.Equal(content, t.content) {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return errNoCertificate
	}
	next := t.transport.Clone()
	next.TLSClientConfig.RootCAs = pool
	t.handshakes.secure(next)
	t.transport, t.content = next, content
	return nil
}
