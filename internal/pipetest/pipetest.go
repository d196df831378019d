// Package pipetest is a server's socket in memory, for tests in a bubble of testing/synctest: the clock of a bubble jumps to the
// next timer when all goroutines wait, and a goroutine that waits for a real socket would hold that clock.
package pipetest

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Listener accepts connections from Dial. Its address is only a name: nothing of the machine listens there.
type Listener struct {
	address  net.TCPAddr
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

// Listen opens a listener that calls itself that port of this machine.
func Listen(port int) *Listener {
	return &Listener{
		address: net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}, accepted: make(chan net.Conn), closed: make(chan struct{}),
	}
}

// Serve starts a server on a listener of its own. The caller closes the server, in the bubble.
func Serve(handler http.Handler) (*httptest.Server, *Listener) {
	l := Listen(10001)
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	server.Start()
	return server, l
}

// Dial connects to the listener, whatever the address.
func (l *Listener) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.accepted <- buffer(theirs):
		return buffer(ours), nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// buffered takes in all that the other end writes at once, as a socket does. A write to a bare pipe lasts until the last byte is
// read: where both ends write, as in a TLS handshake that one end gives up, they would wait for one another.
type buffered struct {
	net.Conn
	read *bufio.Reader
}

func buffer(conn net.Conn) net.Conn { return &buffered{conn, bufio.NewReaderSize(conn, 64<<10)} }

// Read what is taken in, or else what comes next.
func (b *buffered) Read(to []byte) (int, error) { return b.read.Read(to) }

// Accept waits for the next connection. The error is net.ErrClosed once the listener is closed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and Dial.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is what the listener calls itself.
func (l *Listener) Addr() net.Addr { return &l.address }
