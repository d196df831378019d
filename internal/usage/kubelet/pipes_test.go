package kubelet

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/killorder/killorder/internal/pipetest"
)

// pipes is a network in memory. Kubelets that hang are tested in a bubble of testing/synctest, whose clock jumps to the next
// timer when all goroutines wait; a goroutine that waits for a real socket would hold that clock.
type pipes struct {
	mu    sync.Mutex
	ports map[string]*pipetest.Listener
}

// inBubble runs a test with a network in memory and a clock of its own. Once the test and its fakes have ended, a minute
// passes on that clock: goroutines that remain after the minute have leaked, and synctest reports them.
func inBubble(t *testing.T, test func(*testing.T, *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Minute) })
		test(t, &pipes{ports: map[string]*pipetest.Listener{}})
	})
}

// listen opens the next free port.
func (p *pipes) listen() *pipetest.Listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := pipetest.Listen(10001 + len(p.ports))
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
	return l.Dial(ctx, network, address)
}

// under makes a source dial by these pipes.
func (p *pipes) under(s *Source) {
	s.client.Transport.(interface{ WrappedRoundTripper() http.RoundTripper }).
		WrappedRoundTripper().(*http.Transport).DialContext = p.dial
}
