// Package kubelets answers, in one process, for the kubelets of many nodes:
// /metrics/resource, /stats/summary and /configz over TLS, each node at an
// address or at a port of its own. Memory follows the scenario. The server
// computes an answer only when a caller asks for it, so a node that nobody reads
// costs nothing.
package kubelets

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/killorder/killorder/test/cluster/pki"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// Server is a running set of simulated kubelets.
type Server struct {
	nodes   []*scenario.Node
	places  *places
	guard   *guard
	tls     *tls.Config
	http    *http.Server
	buffers sync.Pool
	// started is when the containers started, began is when the usage curves began.
	started, began time.Time
	mu             sync.RWMutex // guards the nodes' pods, which Replace changes, and began, held and stopped
	// held is how long memory had been changing when Hold stopped the change; nil while memory changes.
	held *time.Duration
	// stopped has the nodes whose kubelets Stop has stopped.
	stopped map[*scenario.Node]bool
}

// Listen takes a free port, which all nodes share: each node has an address of
// its own in 127/8. The nodes answer only after a call of Serve.
func Listen(nodes []*scenario.Node, authority *pki.Authority, client kubernetes.Interface, started time.Time) (*Server, error) {
	return ListenAt(netip.Addr{}, nodes, authority, client, started)
}

// ListenAt is Listen with all nodes at one address of this machine, each at a
// port of its own. The zero address means addresses of 127/8.
func ListenAt(
	shared netip.Addr, nodes []*scenario.Node, authority *pki.Authority, client kubernetes.Interface, started time.Time,
) (*Server, error) {
	certs, err := newCertificates(authority)
	if err != nil {
		return nil, err
	}
	places, err := listen(len(nodes), shared)
	if err != nil {
		return nil, err
	}
	s := &Server{
		nodes: nodes, places: places, started: started, guard: newGuard(client),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
	s.tls = s.tlsConfig(authority, certs)
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // callers see handshake failures themselves
	}
	return s, nil
}

// Serve begins the usage curves and answers in the background until Close. The
// objects must be loaded before Serve, because the answers contain the UIDs that
// the API server has given to the objects.
func (s *Server) Serve() {
	s.began = time.Now()
	for _, listener := range s.places.listeners {
		go func() { _ = s.http.Serve(tls.NewListener(listener, s.tls)) }()
	}
}

// Started returns when the containers started.
func (s *Server) Started() time.Time { return s.started }

// Address returns where the kubelet of a node answers.
func (s *Server) Address(node *scenario.Node) netip.AddrPort { return s.places.of(node) }

// Close stops answering and drops open connections.
func (s *Server) Close() error { return errors.Join(s.http.Close(), s.places.close()) }

// Elapsed is how long memory has been changing.
func (s *Server) Elapsed() time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	now := time.Now()
	return now.Sub(s.begun(now))
}

// begun returns when the usage curves would have begun if memory had never been held. The caller holds mu.
func (s *Server) begun(now time.Time) time.Time {
	if s.held != nil {
		return now.Add(-*s.held)
	}
	return s.began
}

// Hold makes memory stand still, in each later reading, until Release. It
// returns how long memory had been changing.
func (s *Server) Hold() time.Duration {
	elapsed := s.Elapsed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = &elapsed
	return elapsed
}

// Release lets memory change on from where Hold stopped it.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.held = s.begun(time.Now()), nil
}

// Replace makes a node's kubelet know successor instead of old from now on. With
// a nil successor the pod old ends; with a nil old the node gets one pod more.
func (s *Server) Replace(node *scenario.Node, old, successor *scenario.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pods := slices.DeleteFunc(slices.Clone(node.Pods), func(p *scenario.Pod) bool { return p == old })
	if successor != nil {
		pods = append(pods, successor)
	}
	node.Pods = pods
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.HandleFunc("GET /metrics/resource", s.metrics)
	mux.HandleFunc("GET /stats/summary", s.summary)
	mux.HandleFunc("GET /configz", s.configz)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		node := s.nodeOf(r)
		if !s.answers(node) {
			panic(http.ErrAbortHandler) // drops the connection, as if nobody were there
		}
		status, err := s.guard.check(r, node.Name)
		if errors.Is(err, context.Canceled) {
			return
		}
		if status != http.StatusOK {
			http.Error(w, http.StatusText(status), status)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) nodeOf(r *http.Request) *scenario.Node {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return s.nodeAt(local)
}

func (s *Server) sample(r *http.Request) *sample {
	s.mu.RLock()
	defer s.mu.RUnlock()
	now := time.Now()
	return take(s.nodeOf(r), s.begun(now), now)
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	*buf = appendResourceMetrics((*buf)[:0], s.sample(r), s.started)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(*buf)
}

func (s *Server) summary(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, summary(s.sample(r), s.started, r.URL.Query().Get("only_cpu_and_memory") == "true"))
}

func (s *Server) configz(w http.ResponseWriter, r *http.Request) {
	node := s.nodeOf(r)
	at := s.Address(node)
	config, err := Configz(node, at.Addr().String(), int32(at.Port()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, config)
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
