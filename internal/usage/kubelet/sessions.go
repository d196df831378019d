package kubelet

import (
	"bytes"
	"crypto/tls"
	"time"

	"k8s.io/utils/lru"
)

// maxSessions is how many kubelets' TLS sessions are kept, to be resumed.
const maxSessions = 16384

// never is the time of a full key exchange that does not count: each connection to that kubelet makes one.
var never time.Time

// sessions keeps one TLS session for each address of a kubelet, encoded, in 1.8 kB. Go's own cache keeps sessions with their
// certificates parsed, in 5.6 kB: of 5,000 nodes that would be a tenth of all that the operator keeps.
type sessions struct{ byAddress *lru.Cache }

// encoded is a session of a kubelet.
type encoded struct {
	ticket, state []byte
	// since is the time of the last full key exchange that the session's secrets follow from.
	since time.Time
}

func newSessions() sessions { return sessions{lru.New(maxSessions)} }

// of returns the session that is kept of the kubelet at an address.
func (s sessions) of(address string) (e encoded, kept bool) {
	if v, ok := s.byAddress.Get(address); ok {
		e, kept = v.(encoded)
	}
	return e, kept
}

// sessionsOf is the tls.ClientSessionCache of one connection: its session is found by the address that was dialed. Go's key is the name
// in the certificate, which kubelets at several ports of one address share.
type sessionsOf struct {
	sessions
	address string
	// since is the time of the last full key exchange that the connection's secrets follow from.
	since time.Time
}

// Get returns the session that was last made with the kubelet of the address.
func (s *sessionsOf) Get(string) (*tls.ClientSessionState, bool) {
	e, ok := s.of(s.address)
	if !ok {
		return nil, false
	}
	state, err := tls.ParseSessionState(e.state)
	if err != nil {
		return nil, false
	}
	resumed, err := tls.NewResumptionState(e.ticket, state)
	return resumed, err == nil
}

// Put keeps a session. Without one, and with one that cannot be resumed, it forgets the session that was kept.
func (s *sessionsOf) Put(_ string, made *tls.ClientSessionState) {
	if e, ok := encode(made); ok {
		e.since = s.since
		s.byAddress.Add(s.address, e)
		return
	}
	s.byAddress.Remove(s.address)
}

func encode(made *tls.ClientSessionState) (e encoded, ok bool) {
	if made == nil {
		return e, false
	}
	ticket, state, err := made.ResumptionState()
	if err != nil || state == nil {
		return e, false
	}
	text, err := state.Bytes()
	return encoded{ticket: bytes.Clone(ticket), state: bytes.Clone(text)}, err == nil
}
