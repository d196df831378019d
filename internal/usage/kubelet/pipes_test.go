package kubelet

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a network in memory. Kubelets that hang are tested in a bubble of testing/synctest, whose clock jumps to the next
// timer when all goroutines wait; a goroutine that waits for a real socket would hold that clock.
type pipes struct {
	mu    sync.Mutex
	ports map[string]*pipeListener
}

// inBubble runs a test with a network in memory and a clock of its own. Once the test and its fakes have ended, a minute
// passes on that clock: goroutines that remain after the minute have leaked, and synctest reports them.
func inBubble(t *testing.T, test func(*testing.T, *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Minute) })
		test(t, &pipes{ports: map[string]*pipeListener{}})
	})
}

// listen opens the next free port.
func (p *pipes) listen() *pipeListener {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &pipeListener{
		address: net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 10001 + len(p.ports)}, accepted: make(chan net.Conn), closed: make(chan struct{}),
	}
	p.ports[portOf(l.Addr())] = l
	return l
}

// dial finds a listener of this machine by its port. A port of nobody, and another host, fail as they do with real sockets.
func (p *pipes) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	l := p.ports[port]
	p.mu.Unlock()
	if l == nil || host != "127.0.0.1" && host != "localhost" {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	ours, theirs := net.Pipe()
	select {
	case l.accepted <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// under makes a source dial by these pipes.
func (p *pipes) under(s *Source) {
	s.client.Transport.(interface{ WrappedRoundTripper() http.RoundTripper }).
		WrappedRoundTripper().(*http.Transport).DialContext = p.dial
}

type pipeListener struct {
	address  net.TCPAddr
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &l.address }
