package kubelet

import (
	"context"
	"crypto/tls"
	"errors"
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
// recorded today (the operator's token) from quantum computers of tomorrow. In TLS 1.3, a connection that resumes the session of such a
// connection exchanges keys by P-256 alone, which saves CPU time (docs/scale.md). Such a connection stays
// protected while the kubelet's ticket key is secret, because its keys follow from the secret of the session before as well as from the
// new exchange (RFC 8446, section 7.1).
//
// Where the kubelet does not resume the session, or does not accept P-256, the connection is given up before anything is sent, and
// another connection takes Go's choice. TLS 1.2 has no ML-KEM, and no connection is given up there.
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
		conn, err := h.shake(ctx, network, address, resuming, &sessionsOf{h.sessions, address, last.since})
		switch {
		case err == nil && keeps(conn):
			return conn, nil
		case err == nil:
			_ = conn.Close() // nothing was sent over it
		case ctx.Err() != nil || !mayBeExchange(err):
			return nil, err
		default:
			insists = isAlert(err)
			h.sessions.byAddress.Add(address, last) // the failure made Go forget the session
		}
	}
	made := &sessionsOf{h.sessions, address, h.now()}
	conn, err := h.shake(ctx, network, address, nil, made)
	if err != nil {
		return nil, err
	}
	if insists && conn.ConnectionState().DidResume { // a kubelet that was restarted may have other settings
		made.since = never
	}
	return conn, nil
}

// keeps reports whether a connection is good although its key exchange was P-256.
func keeps(conn *tls.Conn) bool {
	state := conn.ConnectionState()
	return state.DidResume || state.Version < tls.VersionTLS13
}

// mayBeExchange reports whether a handshake may have failed because of the key exchange: it was begun, and the kubelet's certificate is
// not the reason.
func mayBeExchange(err error) bool {
	var undialed *dialError
	var certificate *tls.CertificateVerificationError
	return !errors.As(err, &undialed) && !errors.As(err, &certificate) && !errors.Is(err, errLargeChain)
}

// isAlert reports whether the kubelet itself refused a handshake.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// dialError is a failure before the handshake began.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// shake dials and makes one handshake, by key exchanges that are not Go's choice where there are any. The connection resumes the kept
// session, and keeps the session that the kubelet gives.
func (h *handshakes) shake(
	ctx context.Context, network, address string, exchanges []tls.CurveID, kept *sessionsOf,
) (*tls.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &dialError{err}
	}
	plain, err := h.transport.DialContext(ctx, network, address)
	if err != nil {
		return nil, &dialError{err}
	}
	config := h.transport.TLSClientConfig.Clone()
	config.ServerName, config.ClientSessionCache = host, kept
	if exchanges != nil {
		config.CurvePreferences = exchanges
	}
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close() // what closing says adds nothing
		return nil, err   // unwrapped: http.Client looks for tls.RecordHeaderError
	}
	return conn, nil
}
