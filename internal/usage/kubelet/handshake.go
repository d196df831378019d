package kubelet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// strongAge is how often a connection that resumes a session takes part in a full key exchange all the same.
const strongAge = time.Hour

// resuming is the key exchange of a connection that resumes a session. Every server of TLS 1.3 has to know P-256 (RFC 8446, section
// 9.1), in FIPS mode too.
var resuming = []tls.CurveID{tls.CurveP256}

// handshakes opens TLS connections to kubelets.
//
// The first connection to a kubelet, and one in an hour, takes Go's choice of key exchange: X25519 with ML-KEM, which protects what is
// recorded today (the operator's token) from quantum computers of tomorrow. A connection that resumes the session of such a connection
// exchanges keys by P-256 alone, which saves a quarter of the CPU time of a connection (docs/scale.md). The session stays protected,
// because its keys follow from the secret of the session before as well as from the new exchange (RFC 8446, section 7.1).
//
// Where the kubelet does not resume the session, or does not accept P-256, the connection is given up before anything is sent, and
// another connection takes Go's choice.
type handshakes struct {
	// transport has the TLS configuration and the dialer.
	transport *http.Transport
	sessions  sessions
	now       func() time.Time
	// timeout of dialing and of all handshakes of one connection together.
	timeout time.Duration
}

// secure makes a transport open its TLS connections by h.
func (h handshakes) secure(transport *http.Transport) {
	h.transport = transport
	transport.DialTLSContext = h.dial
}

// dial opens a connection. The error is that of the last handshake.
func (h *handshakes) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	last, kept := h.sessions.of(address)
	insists := kept && last.since.Equal(never)
	if kept && h.now().Sub(last.since).Abs() < strongAge {
		conn, err := h.shake(ctx, network, address, resuming, last.since)
		var undialed *dialError
		switch {
		case ctx.Err() != nil || errors.As(err, &undialed):
			return nil, err
		case err != nil:
			insists = true                          // if the next handshake succeeds
			h.sessions.byAddress.Add(address, last) // the failure made Go forget the session
		case conn.ConnectionState().DidResume:
			return conn, nil
		default:
			_ = conn.Close() // nothing was sent over it
		}
	}
	since := h.now()
	if insists {
		since = never
	}
	conn, err := h.shake(ctx, network, address, nil, since)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// dialError is a failure before the handshake.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// shake dials and makes one handshake, by key exchanges that are not Go's choice where there are any. A session that the kubelet gives
// is kept as one whose secrets follow from a full key exchange at the time since.
func (h *handshakes) shake(
	ctx context.Context, network, address string, exchanges []tls.CurveID, since time.Time,
) (*tls.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	plain, err := h.transport.DialContext(ctx, network, address)
	if err != nil {
		return nil, &dialError{err}
	}
	config := h.transport.TLSClientConfig.Clone()
	config.ServerName, config.ClientSessionCache = host, &sessionsOf{h.sessions, address, since}
	if exchanges != nil {
		config.CurvePreferences = exchanges
	}
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close() // what closing says adds nothing
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return conn, nil
}
