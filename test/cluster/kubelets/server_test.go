package kubelets

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/killorder/killorder/test/cluster/pki"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// apiServer knows the token "good" as a user who may read stats only, and
// counts what it is asked.
func apiServer(asked *int) *fake.Clientset {
	client := fake.NewClientset()
	client.PrependReactor("create", "tokenreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		*asked++
		review := action.(clienttesting.CreateAction).GetObject().(*authenticationv1.TokenReview)
		review.Status.Authenticated = review.Spec.Token == "good"
		review.Status.User.Username = "reader"
		if review.Spec.Token == "unlucky" {
			return true, nil, errors.New("the API server is away")
		}
		return true, review, nil
	})
	client.PrependReactor("create", "subjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		*asked++
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
		review.Status.Allowed = review.Spec.User == "admin" || review.Spec.ResourceAttributes.Subresource == "stats"
		return true, review, nil
	})
	return client
}

func TestServer(t *testing.T) {
	t.Run("addresses of 127/8", func(t *testing.T) { testServer(t, netip.Addr{}) })
	t.Run("one address", func(t *testing.T) { testServer(t, netip.MustParseAddr("127.0.0.1")) })
}

func testServer(t *testing.T, shared netip.Addr) {
	authority, err := pki.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	model := fixture(t)
	model.Nodes[1].Class.Kubelet.Unreachable = true
	server, err := ListenAt(shared, model.Nodes, authority, apiServer(&asked), began)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Serve()
	admin := clientCertificate(t, authority)
	stranger, err := pki.NewAuthority("another")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		node        int
		path, token string
		certificate []tls.Certificate
		wantStatus  int // 0: no connection
		wantBody    string
	}{
		"nobody":                    {path: "/stats/summary", wantStatus: 401},
		"unknown token":             {path: "/stats/summary", token: "bad", wantStatus: 401},
		"token, allowed":            {path: "/stats/summary", token: "good", wantStatus: 200, wantBody: `"nodeName":"worker-1"`},
		"token, another right":      {path: "/configz", token: "good", wantStatus: 403},
		"API server away":           {path: "/stats/summary", token: "unlucky", wantStatus: 500},
		"certificate, metrics":      {path: "/metrics/resource", certificate: admin, wantStatus: 200, wantBody: "node_memory_working_set_bytes "},
		"certificate, configz":      {path: "/configz", certificate: admin, wantStatus: 200, wantBody: `"kubeletconfig":{`},
		"certificate, health":       {path: "/healthz", certificate: admin, wantStatus: 200, wantBody: "ok"},
		"no such path":              {path: "/exec", certificate: admin, wantStatus: 404},
		"somebody else's authority": {path: "/healthz", certificate: clientCertificate(t, stranger), wantStatus: 401},
		"unreachable node":          {node: 1, path: "/healthz", certificate: admin, wantStatus: 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool(), Certificates: test.certificate}}}
			defer client.CloseIdleConnections()
			request, err := http.NewRequest(http.MethodGet, "https://"+server.Address(model.Nodes[test.node]).String()+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.token != "" {
				request.Header.Set("Authorization", "Bearer "+test.token)
			}
			status, body := fetch(client, request)
			if status != test.wantStatus || !strings.Contains(body, test.wantBody) {
				t.Errorf("status %d, want %d; %.200s", status, test.wantStatus, body)
			}
		})
	}
}

// fetch returns status 0 where no answer came.
func fetch(client *http.Client, request *http.Request) (status int, body string) {
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	data, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(data)
}

func clientCertificate(t *testing.T, authority *pki.Authority) []tls.Certificate {
	t.Helper()
	pair, err := authority.Client("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{certificate}
}

func TestDecisionsAreRemembered(t *testing.T) {
	asked := 0
	guard := newGuard(apiServer(&asked))
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://node/stats/summary", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer good")
	for range 5 {
		if status, err := guard.check(request, "worker-1"); status != http.StatusOK || err != nil {
			t.Fatal(status, err)
		}
	}
	if asked != 2 {
		t.Errorf("the API server was asked %d times, want once for the token and once for the right", asked)
	}
}

// TestReplace follows what a node's kubelet answers while its pods change.
func TestReplace(t *testing.T) {
	model := fixture(t)
	node := model.Nodes[0]
	server := &Server{nodes: model.Nodes, began: began}
	names := func() (out []string) {
		for _, p := range take(node, began, began).pods {
			out = append(out, p.pod.Class.Name)
		}
		return out
	}
	old := node.Pods[0]
	before := node.Pods
	other := *old
	server.Replace(node, old, &other)
	if diff := cmp.Diff([]string{"growing", "kube-proxy", "payments-api"}, names()); diff != "" {
		t.Errorf("replaced (-want +have)\n%s", diff)
	}
	server.Replace(node, &other, nil)
	if diff := cmp.Diff([]string{"growing", "kube-proxy"}, names()); diff != "" {
		t.Errorf("ended (-want +have)\n%s", diff)
	}
	if before[0] != old {
		t.Error("the list that readers may hold has changed")
	}
}

// TestRestart stops a kubelet and starts it again: the TLS session of before is not known any more.
func TestRestart(t *testing.T) {
	authority, err := pki.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	model, asked := fixture(t), 0
	server, err := Listen(model.Nodes, authority, apiServer(&asked), began)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Serve()
	config := &tls.Config{
		RootCAs: authority.Pool(), Certificates: clientCertificate(t, authority), ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	ask := func() (answered, resumed bool) {
		response, err := client.Get("https://" + server.Address(model.Nodes[0]).String() + "/healthz")
		if err != nil {
			return false, false
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return true, response.TLS.DidResume
	}
	for _, step := range []struct {
		what                      string
		do                        func(...*scenario.Node)
		wantAnswered, wantResumed bool
	}{
		{"first", nil, true, false},
		{"second", nil, true, true},
		{"stopped", server.Stop, false, false},
		{"started", server.Start, true, false},
	} {
		if step.do != nil {
			step.do(model.Nodes[0])
		}
		if answered, resumed := ask(); answered != step.wantAnswered || resumed != step.wantResumed {
			t.Errorf("%s: answered %t, want %t; resumed %t, want %t", step.what, answered, step.wantAnswered, resumed, step.wantResumed)
		}
	}
}
