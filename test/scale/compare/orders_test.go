package compare

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// watchServer answers one watch after the other: an answer is a status of HTTP and what the watch shows. asked are the versions from
// which it was asked to go on.
type watchServer struct {
	answers []watchAnswer
	asked   []string
}

type watchAnswer struct {
	status int
	body   string
}

func (s *watchServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != ordersPath || r.URL.Query().Get("watch") != "true" || len(s.asked) == len(s.answers) {
		http.NotFound(w, r)
		return
	}
	answer := s.answers[len(s.asked)]
	s.asked = append(s.asked, r.URL.Query().Get("resourceVersion"))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body)
}

// client of a server.
func (s *watchServer) client(t *testing.T) rest.Interface {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return client.Discovery().RESTClient()
}

// shown is what a watch shows of an order.
func shown(kind, name string, version int, status string) string {
	return fmt.Sprintf(`{"type": %q, "object": {"metadata": {"name": %q, "resourceVersion": "%d"}%s}}`, kind, name, version, status)
}

// withStatus is an order's status, as shown takes it.
const withStatus = `, "status": {"summary": {"pods": 3}}`

// TestFollow: a watch that ended goes on from the last version, and begins anew where the API server does not know that version.
func TestFollow(t *testing.T) {
	const (
		tooOld = `{"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}}`
		gone   = `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}`
	)
	server := &watchServer{answers: []watchAnswer{
		{http.StatusOK, shown("ADDED", "node-1", 7, "") + shown("MODIFIED", "node-1", 9, withStatus)},
		{http.StatusOK, ""},
		{http.StatusOK, tooOld},
		{http.StatusOK, shown("ADDED", "node-1", 12, withStatus)},
		{http.StatusGone, gone},
		{http.StatusOK, shown("ADDED", "node-1", 13, withStatus) + `{"type": `},
	}}
	client := server.client(t)
	version, seen := "", []string{}
	var ended []string
	for range server.answers {
		err := follow(t.Context(), client, ordersPath, &version, func(kind string, o *order) {
			seen = append(seen, kind+" "+o.GetResourceVersion())
		})
		ended = append(ended, fmt.Sprintf("%t", errors.Is(err, io.EOF)))
	}
	if diff := cmp.Diff([]string{"", "9", "9", "", "12", ""}, server.asked); diff != "" {
		t.Errorf("versions asked for (-want +have)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ADDED 7", "MODIFIED 9", "ADDED 12", "ADDED 13"}, seen); diff != "" {
		t.Errorf("events (-want +have)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"true", "true", "false", "true", "false", "true"}, ended); diff != "" {
		t.Errorf("watches that ended as watches do (-want +have)\n%s", diff)
	}
	if version != "13" {
		t.Errorf("version %q, want 13", version)
	}
}

// TestFollowNoAnswer: an API server that does not answer has forgotten nothing.
func TestFollowNoAnswer(t *testing.T) {
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "http://127.0.0.1:1"}) // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	version := "9"
	err = follow(t.Context(), client.Discovery().RESTClient(), ordersPath, &version, func(string, *order) {})
	if err == nil || version != "9" {
		t.Errorf("error %v, version %q; want an error, and version 9 as before", err, version)
	}
}

// TestOrders: what a watch shows is counted, and an order that is deleted is forgotten.
func TestOrders(t *testing.T) {
	server := &watchServer{answers: []watchAnswer{{http.StatusOK, shown("ADDED", "node-1", 1, "") +
		shown("ADDED", "node-2", 2, withStatus) + shown("ADDED", "node-3", 3, withStatus) +
		shown("MODIFIED", "node-1", 4, withStatus) + shown("DELETED", "node-2", 5, withStatus) +
		shown("DELETED", "node-3", 6, withStatus) + shown("ADDED", "node-3", 7, "") + shown("MODIFIED", "node-3", 8, withStatus)}}}
	o, version, began := newOrders(), "", time.Now()
	if err := follow(t.Context(), server.client(t), ordersPath, &version, o.take); !errors.Is(err, io.EOF) {
		t.Errorf("the watch ended with %v, want %v", err, io.EOF)
	}
	if first, last, err := o.complete(2); err != nil || first.Before(began) || last.After(time.Now()) {
		t.Errorf("from %s to %s, error %v; want both orders, after %s: node-3's order was created again", first, last, err, began)
	}
	if all := o.all(); o.writes() != 6 || len(all) != 2 || all["node-1"].Metadata.ResourceVersion != "4" {
		t.Errorf("%d writes, orders %v; want 6 writes, and version 4 of node-1", o.writes(), all)
	}
}

// TestOrdersIncomplete: the error says how many orders are written, and why the watch ended if it has.
func TestOrdersIncomplete(t *testing.T) {
	o := newOrders()
	o.take("ADDED", &order{Status: []byte(`{"summary": {}}`)})
	for name, test := range map[string]struct {
		ended error
		want  string
	}{
		"the watch goes on": {nil, "1 of 2 orders are written"},
		"the watch ended":   {io.EOF, "1 of 2 orders are written; the watch has ended: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			o.ended(test.ended)
			if _, _, err := o.complete(2); err == nil || strings.TrimSpace(err.Error()) != test.want {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
