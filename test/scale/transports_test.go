package scale

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/killorder/killorder/internal/usage/kubelet"
)

// transport is a choice that internal/usage/kubelet could make. Its own is to close connections and to resume sessions,
// but it keeps the sessions in less memory than Go's cache here does.
type transport struct {
	name string
	// noSessions: every TLS handshake is a whole one. keepAlive: connections stay open from pass to pass.
	noSessions, keepAlive bool
	// curves are those of the TLS key exchange, nil for Go's choice.
	curves []tls.CurveID
	// read the answer; nil throws it away.
	read func(io.Reader) error
}

// byTypes decodes as one does without a decoder of one's own.
func byTypes(r io.Reader) error {
	var s stats.Summary
	return json.NewDecoder(r).Decode(&s)
}

// TestTransports compares choices, answer for answer. Nothing is paced here, and nothing kept of the answers.
func TestTransports(t *testing.T) {
	for _, tr := range []transport{
		{name: "closed, resumed"},
		{name: "the same, decoded by the API's types", read: byTypes},
		{name: "closed, not resumed", noSessions: true},
		{name: "kept open", keepAlive: true},
		{name: "closed, resumed, P-256 in place of X25519 with ML-KEM", curves: []tls.CurveID{tls.CurveP256}},
	} {
		t.Run(tr.name, func(t *testing.T) { tr.measure(t, config(t)) })
	}
}

func (tr transport) measure(t *testing.T, config *rest.Config) {
	t.Helper()
	before, began := heldNow(t), memoryNow()
	client, base := tr.client(t, config)
	first := costOf(t, func() { tr.round(t, client) })
	second := costOf(t, func() { tr.round(t, client) })
	open, after := heldNow(t), memoryNow()
	base.TLSClientConfig.ClientSessionCache.(*sessions).ClientSessionCache = nil
	withoutSessions := memoryNow()
	runtime.KeepAlive(client)
	base.CloseIdleConnections()
	t.Logf("first: %s", first.per(*nodes))
	t.Logf("then:  %s", second.per(*nodes))
	t.Logf("kept from one pass to the next: sessions %d B a node, all else in the heap %d B, stacks %d B; %d connections",
		(after.heap-withoutSessions.heap)/int64(*nodes), (withoutSessions.heap-began.heap)/int64(*nodes),
		(after.stacks-began.stacks)/int64(*nodes), open.files-before.files)
	before.eventually(t)
}

// client has the settings of internal/usage/kubelet's, but for the choice. With it comes what opens the connections.
func (tr transport) client(t *testing.T, config *rest.Config) (*http.Client, *http.Transport) {
	t.Helper()
	secured, err := rest.TLSConfigFor(config)
	if err != nil {
		t.Fatal(err)
	}
	size := 16384
	if tr.noSessions {
		size = 1
	}
	secured.ClientSessionCache = &sessions{tls.NewLRUClientSessionCache(size)}
	secured.CurvePreferences = tr.curves
	base := &http.Transport{
		TLSClientConfig: secured, DisableKeepAlives: !tr.keepAlive, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
	}
	wrapped, err := rest.HTTPWrappersForConfig(config, base)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: wrapped}, base
}

// sessions can be dropped.
type sessions struct{ tls.ClientSessionCache }

// round asks every kubelet once.
func (tr transport) round(t *testing.T, client *http.Client) {
	t.Helper()
	const atOnce = 16
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(kubelets.Nodes)); i = next.Add(1) - 1 {
				if err := tr.get(t.Context(), client, &kubelets.Nodes[i]); err != nil {
					if failed.Add(1) == 1 {
						t.Errorf("%s: %v", kubelets.Nodes[i].Name, err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := failed.Load(); n > 0 {
		t.Fatalf("%d kubelets could not be read", n)
	}
}

func (tr transport) get(ctx context.Context, client *http.Client, n *kubelet.Node) error {
	url := "https://" + net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port))) + "/stats/summary?only_cpu_and_memory=true"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answers %s", resp.Status)
	}
	if tr.read != nil {
		if err := tr.read(resp.Body); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
