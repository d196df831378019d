package compare

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// TestWatchOrders: what a watch shows is counted, and an order that is deleted is forgotten.
func TestWatchOrders(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != ordersPath || r.URL.Query().Get("watch") != "true" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, `
{"type": "ADDED", "object": {"metadata": {"name": "node-1", "resourceVersion": "1"}}}
{"type": "ADDED", "object": {"metadata": {"name": "node-2", "resourceVersion": "2"}, "status": {"summary": {"pods": 3}}}}
{"type": "MODIFIED", "object": {"metadata": {"name": "node-1", "resourceVersion": "3"}, "status": {"summary": {"pods": 3}}}}
{"type": "DELETED", "object": {"metadata": {"name": "node-2", "resourceVersion": "4"}}}
`)
	}))
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	o := &orders{client: client.Discovery().RESTClient(), last: map[string]order{}}
	if err := o.watch(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("the watch ended with %v, want %v", err, io.EOF)
	}
	if _, _, err := o.complete(2); err != nil {
		t.Error(err)
	}
	if all := o.all(); o.writes() != 3 || len(all) != 1 || all["node-1"].Metadata.ResourceVersion != "3" {
		t.Errorf("%d writes, orders %v; want 3 writes and version 3 of node-1", o.writes(), all)
	}
}
