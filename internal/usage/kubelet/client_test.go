package kubelet

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// silentKubelet accepts connections and never sends a byte, so that no TLS handshake ends.
type silentKubelet struct {
	node           Node
	accepted, open atomic.Int32
}

func newSilentKubelet(t *testing.T, on *pipes, name string) *silentKubelet {
	t.Helper()
	listener := on.listen()
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
	inBubble(t, func(t *testing.T, on *pipes) {
		silent := newSilentKubelet(t, on, "silent")
		r := newRig(t, 30*time.Second, newFakeOn(t, on, "good"))
		r.nodes = append(r.nodes, silent.node)
		if s, _ := r.at(t, 0); len(s.pods) != 1 || silent.accepted.Load() != 1 {
			t.Errorf("read %v, and asked the silent one %d times", s.pods, silent.accepted.Load())
		}
		if got, want := r.Problem("silent"), "The kubelet does not answer in time."; got != want {
			t.Errorf("problem %q, want %q", got, want)
		}
		waitFor(t, "the connection is closed", func() bool { return silent.open.Load() == 0 })
	})
}

// TestPatienceHasAnEnd: a pass ends although some kubelets hang, suspects or not.
func TestPatienceHasAnEnd(t *testing.T) {
	for name, problem := range map[string]*Problem{"a suspect": {}, "one that was read the last time": nil} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, on *pipes) {
				silent := newSilentKubelet(t, on, "silent")
				r := newRig(t, 30*time.Second, newFakeOn(t, on, "good")) // a request may take 10 seconds, the wait after the last request 5
				r.nodes = append(r.nodes, silent.node)
				r.Source.kubelets = map[string]*kubelet{"silent": {Node: silent.node, health: health{phase: phaseRead, problem: problem}}}
				began := time.Now()
				if s := r.pass(t, 0); len(s.pods) != 1 || silent.open.Load() != 1 {
					t.Errorf("read %v with %d requests still under way; want good's pod, and one", s.pods, silent.open.Load())
				}
				if took := time.Since(began); took != r.patience {
					t.Errorf("the pass took %s, want %s", took, r.patience)
				}
				if s := r.pass(t, time.Minute); len(s.pods) != 1 || silent.accepted.Load() != 1 {
					t.Errorf("read %v, asked %d times; want no second request beside the first", s.pods, silent.accepted.Load())
				}
			})
		})
	}
}

// TestSessionsAreResumed: sessions are resumed with every version of TLS that kubelets speak, no kubelet resumes the session of another,
// and none that was restarted resumes one of before.
func TestSessionsAreResumed(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			f, g := newFake(t, "worker-1"), newFake(t, "worker-2")
			r := newRig(t, 30*time.Second, f, g)
			r.client.Transport.(interface{ WrappedRoundTripper() http.RoundTripper }).
				WrappedRoundTripper().(*http.Transport).TLSClientConfig.MaxVersion = version
			for i, node := range []*fake{f, f, f, g, g, f, f} {
				if i == 6 {
					f.restart(t)
				}
				told, err := r.get(t.Context(), &node.node, pathConfigz, false, func(body io.Reader) error {
					_, err := io.Copy(io.Discard, body)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if want := i != 0 && i != 3 && i != 6; (told == sessionResumed) != want {
					t.Errorf("connection %d: resumed %v, want %v", i+1, told == sessionResumed, want)
				}
			}
		})
	}
}

// TestOneConnectionForBothRequests of a pass; between passes there is none.
func TestOneConnectionForBothRequests(t *testing.T) {
	inBubble(t, func(t *testing.T, on *pipes) {
		f := newFakeOn(t, on, "worker-1")
		r := newRig(t, 30*time.Second, f)
		for i, wantConfigs := range []int32{1, 1, 1} {
			r.at(t, time.Duration(i)*30*time.Second)
			waitFor(t, "the connection is closed", func() bool { return f.open.Load() == 0 })
			if f.accepted.Load() != int32(i+1) || f.asked.Load() != int32(i+1) || f.configs.Load() != wantConfigs {
				t.Errorf("after pass %d: %d connections, %d Summaries and %d configurations; want %d, %d and %d",
					i+1, f.accepted.Load(), f.asked.Load(), f.configs.Load(), i+1, i+1, wantConfigs)
			}
		}
	})
}

// TestUnusedConnectionIsClosed: where the second request does not follow, the connection waits for a moment only.
func TestUnusedConnectionIsClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, on *pipes) {
		f := newFakeOn(t, on, "worker-1")
		r := newRig(t, 30*time.Second, f)
		nothing := func(body io.Reader) error {
			_, err := io.Copy(io.Discard, body)
			return err
		}
		if _, err := r.get(t.Context(), &f.node, pathSummary, true, nothing); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if f.open.Load() != 1 {
			t.Errorf("%d connections wait for the second request, want 1", f.open.Load())
		}
		time.Sleep(betweenRequests)
		synctest.Wait()
		if f.open.Load() != 0 {
			t.Errorf("%d connections are still open", f.open.Load())
		}
	})
}
