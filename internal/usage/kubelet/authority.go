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

// authorityAge is how long a file of certificate authorities is taken to be what it was.
const authorityAge = time.Minute

var errNoCertificate = errors.New("it holds no certificate that can be read")

// trusting sends requests to servers whose certificates are signed by what its file holds at the time: authorities are
// rotated while the operator runs, and client-go's transports, which follow, cannot be told to keep no connections.
type trusting struct {
	file string
	now  func() time.Time
	log  logr.Logger

	mu        sync.Mutex
	read      time.Time
	content   []byte
	transport *http.Transport
}

// RoundTrip sends a request.
func (t *trusting) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.current().RoundTrip(req)
}

// current returns the transport, which is another one whenever the file has changed. What cannot be read changes nothing.
func (t *trusting) current() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.Sub(t.read) >= authorityAge {
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
	t.transport, t.content = next, content
	return nil
}
