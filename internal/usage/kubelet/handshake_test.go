package kubelet

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// exchanged asks a kubelet once and returns the key exchange of the connection, and whether the connection resumed a session.
func exchanged(t *testing.T, r *rig, f *fake) string {
	t.Helper()
	var exchange tls.CurveID
	f.configz = func(_ http.ResponseWriter, req *http.Request) { exchange = req.TLS.CurveID }
	told, err := r.get(t.Context(), &f.node, pathConfigz, false, func(body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if told == sessionResumed {
		return fmt.Sprint(exchange, ", resumed")
	}
	return exchange.String()
}

// TestKeyExchange: what a kubelet sees of the connections to it, one after another. Each takes one request; how many connections that
// took tells what was given up.
func TestKeyExchange(t *testing.T) {
	hybrid := []tls.CurveID{tls.X25519MLKEM768}
	type step struct {
		after     time.Duration
		restarted bool
		// broken: the kubelet closes the next connection before the handshake.
		broken   bool
		want     string
		accepted int32 // in all
	}
	for name, tc := range map[string]struct {
		exchanges []tls.CurveID
		steps     []step
	}{
		"a kubelet of Go's choice": {steps: []step{
			{want: "X25519MLKEM768", accepted: 1},
			{after: 30 * time.Second, want: "CurveP256, resumed", accepted: 2},
			{after: 59 * time.Minute, want: "CurveP256, resumed", accepted: 3},
			{after: 61 * time.Minute, want: "X25519MLKEM768, resumed", accepted: 4},
			{after: 62 * time.Minute, want: "CurveP256, resumed", accepted: 5},
			{after: 63 * time.Minute, restarted: true, want: "X25519MLKEM768", accepted: 7},
			{after: 64 * time.Minute, want: "CurveP256, resumed", accepted: 8},
		}},
		"the clock is put back": {steps: []step{
			{after: 2 * time.Hour, want: "X25519MLKEM768", accepted: 1},
			{want: "X25519MLKEM768, resumed", accepted: 2},
			{want: "CurveP256, resumed", accepted: 3},
		}},
		"a kubelet that insists on ML-KEM": {exchanges: hybrid, steps: []step{
			{want: "X25519MLKEM768", accepted: 1},
			{after: time.Minute, want: "X25519MLKEM768, resumed", accepted: 3},
			{after: 2 * time.Minute, want: "X25519MLKEM768, resumed", accepted: 4},
			{after: 2 * time.Hour, want: "X25519MLKEM768, resumed", accepted: 5},
			{after: 3 * time.Hour, want: "X25519MLKEM768, resumed", accepted: 6},
			{after: 3 * time.Hour, restarted: true, want: "X25519MLKEM768", accepted: 7},
			{after: 3 * time.Hour, want: "X25519MLKEM768, resumed", accepted: 9},
		}},
		"a connection that breaks is no sign of anything": {steps: []step{
			{want: "X25519MLKEM768", accepted: 1},
			{broken: true, want: "X25519MLKEM768, resumed", accepted: 3},
			{want: "CurveP256, resumed", accepted: 4},
		}},
		"a kubelet without ML-KEM": {exchanges: []tls.CurveID{tls.X25519, tls.CurveP256}, steps: []step{
			{want: "X25519", accepted: 1},
			{after: time.Minute, want: "CurveP256, resumed", accepted: 2},
		}},
		"a kubelet in FIPS mode": {exchanges: []tls.CurveID{tls.CurveP256, tls.CurveP384}, steps: []step{
			{want: "CurveP256", accepted: 1},
			{after: time.Minute, want: "CurveP256, resumed", accepted: 2},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "worker-1")
			f.exchanges = tc.exchanges
			f.restart(t)
			r := newRig(t, 30*time.Second, f)
			for i, s := range tc.steps {
				if s.restarted {
					f.restart(t)
				}
				f.breaks.Store(s.broken)
				now := start.Add(s.after)
				r.now.Store(&now)
				if got := exchanged(t, r, f); got != s.want || f.accepted.Load() != s.accepted {
					t.Errorf("request %d: %s, %d connections so far; want %s, %d", i+1, got, f.accepted.Load(), s.want, s.accepted)
				}
			}
		})
	}
}

// TestResumingThatHangs: a kubelet that was read before and hangs now gets one connection, and no more time than any other.
func TestResumingThatHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, on *pipes) {
		f := newFakeOn(t, on, "worker-1")
		r := newRig(t, 30*time.Second, f)
		exchanged(t, r, f)
		f.Close()
		silent := newSilentKubelet(t, on, "worker-1")
		r.Source.client.CloseIdleConnections()
		on.ports[portOf(f.Listener.Addr())] = on.ports[fmt.Sprint(silent.node.Port)]
		began := time.Now()
		if _, err := r.get(t.Context(), &f.node, pathConfigz, false, func(io.Reader) error { return nil }); err == nil {
			t.Error("a kubelet that never says a word has answered")
		}
		if took := time.Since(began); took != r.timeout {
			t.Errorf("the request took %s, want %s", took, r.timeout)
		}
		waitFor(t, "the connection is closed", func() bool { return silent.open.Load() == 0 })
		if took := time.Since(began); took >= r.timeout+2*time.Second || silent.accepted.Load() != 1 {
			t.Errorf("%d connections, the last closed after %s; want one, about a second after %s", silent.accepted.Load(), took, r.timeout)
		}
	})
}
