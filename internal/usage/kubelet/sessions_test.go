package kubelet

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"
)

// TestSessionsAreResumed by every version of TLS that kubelets speak, and those of one kubelet by no other.
func TestSessionsAreResumed(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "worker-1")
			cache := &sessionCache{}
			secured := f.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			secured.ClientSessionCache, secured.MaxVersion = cache, version
			resumed := func(serverName string) bool {
				secured.ServerName = serverName
				client := &http.Client{Transport: &http.Transport{TLSClientConfig: secured, DisableKeepAlives: true}}
				resp, err := client.Get(f.URL) //nolint:noctx // answered by this process
				if err != nil {
					t.Fatal(err)
				}
				if err := resp.Body.Close(); err != nil {
					t.Fatal(err)
				}
				return resp.TLS.DidResume
			}
			for i, want := range []bool{false, true, true} {
				if got := resumed("127.0.0.1"); got != want {
					t.Errorf("connection %d: resumed %v, want %v", i+1, got, want)
				}
			}
			if resumed("example.com") {
				t.Error("another kubelet's session was resumed")
			}
			cache.Put("127.0.0.1", nil)
			if resumed("127.0.0.1") {
				t.Error("a session that was forgotten was resumed")
			}
		})
	}
}

// TestSessionsAreBounded: kubelets that are gone are forgotten, those in use are not.
func TestSessionsAreBounded(t *testing.T) {
	made, err := tls.NewResumptionState([]byte("ticket"), &tls.SessionState{})
	if err != nil {
		t.Fatal(err)
	}
	cache := &sessionCache{}
	for i := range 5 * maxSessions {
		cache.Put(fmt.Sprint("gone-", i), made)
		if i%1000 == 0 {
			cache.Put("in-use", made)
		}
	}
	if kept := len(cache.recent) + len(cache.before); kept > 2*maxSessions {
		t.Errorf("%d sessions are kept", kept)
	}
	_, recent := cache.recent["in-use"]
	if _, before := cache.before["in-use"]; !recent && !before {
		t.Error("a session in use is gone")
	}
}
