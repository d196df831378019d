package kubelets

import (
	"crypto/rand"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// Stop makes the kubelets of some nodes drop every connection, as if nobody were
// there, until Start.
func (s *Server) Stop(nodes ...*scenario.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped == nil {
		s.stopped = map[*scenario.Node]bool{}
	}
	for _, n := range nodes {
		s.stopped[n] = true
	}
}

// Start makes the kubelets of some nodes answer again. As after a real kubelet's
// restart, the TLS sessions of before are unknown. All nodes share the keys of
// their sessions, so callers lose their sessions with the other nodes, too.
func (s *Server) Start(nodes ...*scenario.Node) {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	s.tls.SetSessionTicketKeys([][32]byte{key})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range nodes {
		delete(s.stopped, n)
	}
}

// answers reports whether somebody answers for a node.
func (s *Server) answers(node *scenario.Node) bool {
	if node == nil || node.Class.Kubelet.Unreachable {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return !s.stopped[node]
}
