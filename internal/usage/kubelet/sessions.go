package kubelet

import (
	"bytes"
	"crypto/tls"
	"sync"
)

// maxSessions is how many kubelets' TLS sessions are kept at least, to be resumed.
const maxSessions = 16384

// sessionCache is a tls.ClientSessionCache that keeps sessions encoded: 1.2 kB each. Go's own keeps them with their
// certificates parsed, 4.8 kB, which is more than all readings of a node take, and decoding costs no more than the
// garbage collector's walk through those.
type sessionCache struct {
	mu sync.Mutex
	// recent sessions, and those that were when there last were too many. A session is renewed each time that it is
	// used, so what is still in use moves on to the recent ones.
	recent, before map[string]session
}

// session of a kubelet, encoded.
type session struct{ ticket, state []byte }

// Get returns the session that was last made with a kubelet.
func (c *sessionCache) Get(key string) (*tls.ClientSessionState, bool) {
	c.mu.Lock()
	s, ok := c.recent[key]
	if !ok {
		s, ok = c.before[key]
	}
	c.mu.Unlock()
	if !ok {
		return nil, false
	}
	state, err := tls.ParseSessionState(s.state)
	if err != nil {
		return nil, false
	}
	resumed, err := tls.NewResumptionState(s.ticket, state)
	return resumed, err == nil
}

// Put keeps a session; nil forgets the last one.
func (c *sessionCache) Put(key string, made *tls.ClientSessionState) {
	s, ok := encode(made)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ok {
		delete(c.recent, key)
		delete(c.before, key)
		return
	}
	if c.recent == nil || len(c.recent) >= maxSessions {
		c.before, c.recent = c.recent, map[string]session{}
	}
	c.recent[key] = s
}

func encode(made *tls.ClientSessionState) (s session, ok bool) {
	if made == nil {
		return s, false
	}
	ticket, state, err := made.ResumptionState()
	if err != nil || state == nil {
		return s, false
	}
	encoded, err := state.Bytes()
	return session{ticket: bytes.Clone(ticket), state: bytes.Clone(encoded)}, err == nil
}
