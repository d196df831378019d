package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
)

// controlSocket is how other processes ask a running cluster for things.
const controlSocket = "control.sock"

// startControl answers POST /metrics-server/stop and /metrics-server/start, and
// /crash and /start of etcd and kube-apiserver, on a socket in the cluster's
// folder.
func (c *Cluster) startControl(context.Context) error {
	listener, err := net.Listen("unix", c.path(controlSocket))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /metrics-server/stop", answer(func(context.Context) error { return c.StopMetricsServer() }))
	mux.HandleFunc("POST /metrics-server/start", answer(c.StartMetricsServer))
	for _, name := range []string{"etcd", "kube-apiserver"} {
		mux.HandleFunc("POST /"+name+"/crash", answer(func(context.Context) error { return c.Crash(name) }))
		mux.HandleFunc("POST /"+name+"/start", answer(func(ctx context.Context) error { return c.Restart(ctx, name) }))
	}
	server := &http.Server{Handler: mux}
	c.socket = server
	go func() { _ = server.Serve(listener) }()
	return nil
}

func answer(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := do(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	}
}

// Control asks the cluster in a folder for something, like
// "metrics-server/stop", and waits until it is done.
func Control(ctx context.Context, dir, path string) error {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, controlSocket))
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://cluster/"+path, nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("no cluster answers in %s: %w", dir, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", path, strings.TrimSpace(string(text)))
	}
	return nil
}
