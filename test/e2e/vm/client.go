package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"

	"github.com/killorder/killorder/test/e2e/vm/wire"
)

// ReadFile reads a file of the machine.
func (m *Machine) ReadFile(ctx context.Context, path string) ([]byte, error) {
	return m.ask(ctx, http.MethodGet, "/file", url.Values{"path": {path}}, nil)
}

// WriteFile writes a file of the machine. The folder has to exist.
func (m *Machine) WriteFile(ctx context.Context, path string, data []byte) error {
	_, err := m.ask(ctx, http.MethodPut, "/file", url.Values{"path": {path}}, data)
	return err
}

// Signal sends a signal to a process of the machine.
func (m *Machine) Signal(ctx context.Context, pid int, signal syscall.Signal) error {
	_, err := m.ask(ctx, http.MethodPost, "/signal", url.Values{"pid": {strconv.Itoa(pid)}, "signal": {strconv.Itoa(int(signal))}}, nil)
	return err
}

// Shell runs a script as root of the machine, and returns what the script writes.
func (m *Machine) Shell(ctx context.Context, script string) (string, error) {
	var output bytes.Buffer
	p, err := m.Run(ctx, &output, "/bin/sh", "-c", script)
	if err != nil {
		return "", err
	}
	<-p.Exited
	if p.Ended != wire.Succeeded {
		return output.String(), fmt.Errorf("%s: %s: %s", script, p.Ended, output.String())
	}
	return output.String(), nil
}

// Process is a program that runs in the machine.
type Process struct {
	PID int
	// Exited is closed when the program and all that hold its output have ended; Ended then says how.
	Exited chan struct{}
	Ended  string
}

// Run starts a program in the machine. The program goes on until it ends by itself or by a signal; the end of the context
// does not stop it. Its output goes to output.
func (m *Machine) Run(ctx context.Context, output io.Writer, path string, args ...string) (*Process, error) {
	body, err := json.Marshal(wire.Command{Path: path, Args: args})
	if err != nil {
		return nil, err
	}
	response, err := m.send(context.WithoutCancel(ctx), http.MethodPost, "/run", nil, body) //nolint:bodyclose // closed by the copy below
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(response.Header.Get(wire.PIDHeader))
	if err != nil {
		_ = response.Body.Close()
		return nil, fmt.Errorf("starting %s in the machine: the agent names no process: %w", path, err)
	}
	p := &Process{PID: pid, Exited: make(chan struct{})}
	go func() {
		defer close(p.Exited)
		defer response.Body.Close()
		if _, err := io.Copy(output, response.Body); err != nil {
			p.Ended = err.Error()
			return
		}
		p.Ended = response.Trailer.Get(wire.EndedTrailer)
	}()
	return p, nil
}

// ask sends a request whose answer is short.
func (m *Machine) ask(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error) {
	response, err := m.send(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

func (m *Machine) send(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Response, error) {
	address := url.URL{Scheme: "http", Host: Endpoint(wire.AgentPort), Path: path, RawQuery: query.Encode()}
	request, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := m.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return nil, fmt.Errorf("%s %s: %s: %s", method, address.String(), response.Status, bytes.TrimSpace(text))
	}
	return response, nil
}

// Endpoint is where a port of the machine is reached.
func Endpoint(port int) string { return net.JoinHostPort(Address, strconv.Itoa(port)) }
