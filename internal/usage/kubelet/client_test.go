package kubelet

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// silentKubelet accepts connections and never says a word, so that no TLS handshake comes to an end.
type silentKubelet struct {
	node           Node
	accepted, open atomic.Int32
}

func newSilentKubelet(t *testing.T, name string) *silentKubelet {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	at := listener.Addr().(*net.TCPAddr)
	k := &silentKubelet{node: Node{Name: name, UID: "uid-" + name, Host: at.IP.String(), Port: int32(at.Port)}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			k.accepted.Add(1)
			k.open.Add(1)
			go func() {
				defer k.open.Add(-1)
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
		}
	}()
	return k
}

// TestHandshakeThatHangs: the connection is given up with the request, or soon after.
func TestHandshakeThatHangs(t *testing.T) {
	silent := newSilentKubelet(t, "silent")
	r := newRig(t, 600*time.Millisecond, newFake(t, "good"))
	r.nodes = append(r.nodes, silent.node)
	if s, _ := r.at(t, 0); len(s.pods) != 1 || silent.accepted.Load() != 1 {
		t.Errorf("read %v, and asked the silent one %d times", s.pods, silent.accepted.Load())
	}
	if got, want := r.Problem("silent"), "The kubelet does not answer in time."; got != want {
		t.Errorf("problem %q, want %q", got, want)
	}
	waitFor(t, "the connection is closed", func() bool { return silent.open.Load() == 0 })
}

// TestSuspectsHoldNothingUp: a pass does not come to an end later for kubelets that hang again.
func TestSuspectsHoldNothingUp(t *testing.T) {
	silent := newSilentKubelet(t, "silent")
	r := newRig(t, 3*time.Second, newFake(t, "good"))
	r.suspectsAtOnce = 1
	r.Source.kubelets = map[string]*kubelet{}
	for _, name := range []string{"a", "b", "c", "d"} {
		n := silent.node
		n.Name = name
		r.nodes = append(r.nodes, n)
		r.Source.kubelets[name] = &kubelet{Node: n, failures: 1}
	}
	began := time.Now()
	if s, _ := r.at(t, 0); len(s.pods) != 1 {
		t.Errorf("read %v", s.pods)
	}
	if took := time.Since(began); took > 2200*time.Millisecond {
		t.Errorf("took %s, which is more than half of the interval", took)
	}
	if got := silent.accepted.Load(); got != 2 {
		t.Errorf("asked %d suspects of 1 s each, one by one; want 2", got)
	}
}
