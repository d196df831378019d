package node

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// process is a running program of the node. Its output goes to NAME.log.
type process struct {
	*running
	name, log string
	host      Host
}

// start runs a program of the control plane, which is always on this machine.
func (n *Node) start(name, path string, args ...string) (*process, error) {
	return n.startOn(context.Background(), n.here, name, path, args...)
}

// startOn runs a program on a host.
func (n *Node) startOn(ctx context.Context, host Host, name, path string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(n.Logs, name+".log"), host: host}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	if p.running, err = host.Start(ctx, log, path, args...); err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		<-p.exited
		_ = log.Close()
	}()
	n.running = append(n.running, p)
	return p, nil
}

// stop ends the process, by force after a while.
func (p *process) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = p.host.Signal(ctx, p.pid, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-ctx.Done():
		_ = p.host.Signal(context.Background(), p.pid, syscall.SIGKILL)
		<-p.exited
	}
}

// succeeded waits for a program that ends by itself.
func (p *process) succeeded(ctx context.Context) error {
	select {
	case <-p.exited:
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.how() != "exit status 0" {
		return p.ended()
	}
	return nil
}

// ended is how a process that should run has ended, nil if it runs.
func (p *process) ended() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended: %s\n%s", p.name, p.how(), p.tail(15))
	default:
		return nil
	}
}

func (p *process) tail(lines int) []byte {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	all := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return bytes.Join(all[max(0, len(all)-lines):], []byte("\n"))
}

// Program is a program beside those of the node itself, which ends with them.
type Program struct{ *process }

// StartProgram runs a program on this machine. Its output goes to NAME.log.
func (n *Node) StartProgram(name, path string, args ...string) (*Program, error) {
	p, err := n.start(name, path, args...)
	if err != nil {
		return nil, err
	}
	return &Program{p}, nil
}

// Ended is how the program has ended, nil if it runs.
func (p *Program) Ended() error { return p.ended() }
