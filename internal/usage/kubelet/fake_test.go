package kubelet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/usage"
)

const token = "the-operators-own"

var start = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// fake is one kubelet over TLS, whose certificate is for 127.0.0.1.
type fake struct {
	*httptest.Server
	node Node
	// stats and configz answer; healthy ones unless a test sets others.
	stats, configz http.HandlerFunc
	asked, configs atomic.Int32
	// open connections, and all that were ever accepted.
	open, accepted atomic.Int32
	// accepts says which tokens are good beside the operator's own. shown is the last token that a client sent.
	accepts func(string) bool
	shown   atomic.Pointer[string]
	// at is the time of the figures in its answers.
	at atomic.Pointer[time.Time]
	// exchanges of keys that the kubelet knows. Most tests do without ML-KEM, which takes time.
	exchanges []tls.CurveID
	// breaks: the next connection is closed at once.
	breaks atomic.Bool
	// pipes is where the kubelet listens in a bubble; nil for a real socket.
	pipes *pipes
}

// newFake starts a kubelet that answers for the named node.
func newFake(t *testing.T, name string) *fake {
	t.Helper()
	return newFakeOn(t, nil, name)
}

// newFakeOn is newFake with pipes in place of a socket, for tests in a bubble.
func newFakeOn(t *testing.T, on *pipes, name string) *fake {
	t.Helper()
	f := &fake{pipes: on, exchanges: []tls.CurveID{tls.X25519, tls.CurveP256}}
	f.at.Store(&start)
	f.stats = func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, summaryOf(name, *f.at.Load())) }
	f.configz = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"kubeletconfig":{"evictionHard":{"memory.available":"750Mi"}}}`)
	}
	f.start(t, "127.0.0.1:0")
	port, err := strconv.Atoi(portOf(f.Listener.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	f.node = Node{Name: name, UID: "uid-" + name, Host: "127.0.0.1", Port: int32(port), BootID: "boot-1", Version: "v1.37.2"}
	return f
}

func portOf(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

func (f *fake) start(t *testing.T, address string) {
	t.Helper()
	listener := listen(t, f.pipes, address)
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	_ = f.Listener.Close()
	f.Listener = listener
	f.TLS = &tls.Config{
		Certificates: []tls.Certificate{certificate()}, CurvePreferences: f.exchanges,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if f.breaks.Swap(false) {
				_ = hello.Conn.Close()
			}
			return nil, nil // the configuration as it is
		},
	}
	f.Config.ErrorLog = silent
	f.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			f.open.Add(1)
			f.accepted.Add(1)
		case http.StateClosed, http.StateHijacked:
			f.open.Add(-1)
		}
	}
	f.StartTLS()
	t.Cleanup(f.Close)
}

// certificate of all fakes, signed by itself. Its key is an elliptic one, because a handshake with the RSA key of httptest takes ten
// times as long. The clock of a bubble starts in the year 2000: the certificate is valid by then.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	is := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(0, 0).AddDate(100, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	text, err := x509.CreateCertificate(rand.Reader, is, is, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{text}, PrivateKey: key}
})

// listen opens an address of this machine, or the next port of the pipes.
func listen(t *testing.T, on *pipes, address string) net.Listener {
	t.Helper()
	if on != nil {
		return on.listen()
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// restart acts as the restart of a kubelet: the address and the certificate stay, and the TLS sessions are forgotten.
func (f *fake) restart(t *testing.T) {
	t.Helper()
	address := f.Listener.Addr().String()
	f.Close()
	f.start(t, address)
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	shown := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	f.shown.Store(&shown)
	if accepts := f.accepts; shown != token && (accepts == nil || !accepts(shown)) {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	switch {
	case r.URL.Path == "/stats/summary" && r.URL.RawQuery == "only_cpu_and_memory=true":
		f.asked.Add(1)
		f.stats(w, r)
	case r.URL.Path == "/configz":
		f.configs.Add(1)
		f.configz(w, r)
	default:
		http.NotFound(w, r)
	}
}

// certificateOf returns the certificate of a fake in PEM. It is signed by itself, as the certificates of all fakes are.
func certificateOf(f *fake) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
}

func summaryOf(name string, at time.Time) string {
	return strings.ReplaceAll(fmt.Sprintf(`{"node":{"nodeName":%q,"memory":{"time":"NOW","workingSetBytes":100,"availableBytes":50},
		"systemContainers":[{"name":"pods","memory":{"workingSetBytes":70}}]},
		"pods":[{"podRef":{"namespace":"shop","name":"web-%s"},"memory":{"time":"NOW","workingSetBytes":60},
		"containers":[{"name":"app","memory":{"time":"NOW","workingSetBytes":58,"rssBytes":40}}]}]}`, name, name),
		"NOW", at.Format(time.RFC3339))
}

// sink remembers whose readings it got.
type sink struct {
	mu    sync.Mutex
	pods  []string
	nodes map[string]facts.NodeReading
}

func (s *sink) Pod(p *usage.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pods = append(s.pods, string(p.Name))
}

func (s *sink) Node(name string, r facts.NodeReading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nodes == nil {
		s.nodes = map[string]facts.NodeReading{}
	}
	s.nodes[name] = r
}

func (*sink) Drop(usage.DropCause) {}

// rig is a source, its clock, and the nodes it sees.
type rig struct {
	*Source
	nodes []Node
	fakes []*fake
	now   atomic.Pointer[time.Time]
}

// newRig makes a source that trusts the fakes, and asks them.
func newRig(t *testing.T, interval time.Duration, fakes ...*fake) *rig {
	t.Helper()
	config := &rest.Config{Host: "https://api.invalid", BearerToken: token}
	if len(fakes) == 0 {
		config.CAData = certificateOf(newFake(t, "authority"))
	} else {
		config.CAData = certificateOf(fakes[0])
	}
	return rigOf(t, config, Trust{}, interval, fakes...)
}

func rigOf(t *testing.T, config *rest.Config, trust Trust, interval time.Duration, fakes ...*fake) *rig {
	t.Helper()
	return rigWith(t, config, &Options{Trust: trust, Interval: interval}, fakes...)
}

func rigWith(t *testing.T, config *rest.Config, o *Options, fakes ...*fake) *rig {
	t.Helper()
	r := &rig{fakes: fakes}
	r.now.Store(&start)
	pods := map[string]*facts.Pod{"web-worker-1": {Node: "worker-1", Containers: []facts.Container{{Name: "app"}}}}
	for _, f := range fakes {
		pods["web-"+f.node.Name] = &facts.Pod{Node: f.node.Name, Containers: []facts.Container{{Name: "app"}}}
		r.nodes = append(r.nodes, f.node)
	}
	var err error
	o.Nodes = func(context.Context) ([]Node, error) { return r.nodes, nil }
	o.Pod = func(_, name []byte) *facts.Pod { return pods[string(name)] }
	o.ParseConfig, o.Now, o.Log = extract.ParseConfigz, func() time.Time { return *r.now.Load() }, logr.Discard()
	r.Source, err = New(config, *o)
	if err != nil {
		t.Fatal(err)
	}
	r.patience = 5 * time.Second // the machine may be slow
	if len(fakes) > 0 && fakes[0].pipes != nil {
		fakes[0].pipes.under(r.Source)
	}
	return r
}

// at moves the clock to so long after the start, makes a pass and waits for whatever is late.
func (r *rig) at(t *testing.T, after time.Duration) (*sink, []usage.Failure) {
	t.Helper()
	s := r.pass(t, after)
	waitFor(t, "nobody is being asked any more", r.idle)
	return s, r.failures()
}

// pass moves the clock to so long after the start and makes a pass.
func (r *rig) pass(t *testing.T, after time.Duration) *sink {
	t.Helper()
	now := start.Add(after)
	r.now.Store(&now)
	for _, f := range r.fakes {
		f.at.Store(&now)
	}
	s := &sink{}
	r.Read(t.Context(), s)
	return s
}

func (r *rig) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.Source.kubelets {
		if k.asking {
			return false
		}
	}
	return true
}
