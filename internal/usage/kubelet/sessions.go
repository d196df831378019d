package kubelet

import (
	"bytes"
	"crypto/tls"

	"k8s.io/utils/lru"
)

// maxSessions is how many kubelets' TLS sessions are kept, to be resumed.
const maxSessions = 16384

// sessions is a tls.ClientSessionCache that keeps sessions encoded, in 1.8 kB each. Go's own cache keeps them with their certificates
// parsed, in 5.6 kB: of 5,000 nodes that would be a tenth of all that the operator keeps.
type sessions struct{ byAddress *lru.Cache }

// encoded is a session of a kubelet.
type encoded struct{ ticket, state []byte }

func newSessions() sessions { return sessions{lru.New(maxSessions)} }

// Get returns the session that was last made with the kubelet of that address.
func (s sessions) Get(address string) (*tls.ClientSessionState, bool) {
	kept, ok := s.byAddress.Get(address)
	if !ok {
		return nil, false
	}
	e := kept.(encoded) //nolint:forcetypeassert // Put adds nothing else
	state, err := tls.ParseSessionState(e.state)
	if err != nil {
		return nil, false
	}
	resumed, err := tls.NewResumptionState(e.ticket, state)
	return resumed, err == nil
}

// Put keeps a session. Without one, and with one that cannot be resumed, it forgets the session that was kept.
func (s sessions) Put(address string, made *tls.ClientSessionState) {
	if e, ok := encode(made); ok {
		s.byAddress.Add(address, e)
		return
	}
	s.byAddress.Remove(address)
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
	return encoded{bytes.Clone(ticket), bytes.Clone(text)}, err == nil
}
