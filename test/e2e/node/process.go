package node

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a running program of the node. Its output goes to NAME.log.
type process struct {
	name, log string
	cmd       *exec.Cmd
	exited    chan struct{}
}

// start runs a program. Should this one end without stopping it, the namespace ends it.
func (n *Node) start(name, path string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(n.Logs, name+".log"), exited: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(path, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = n.Dir, log, log
	p.cmd.Env = append(os.Environ(), "PATH="+n.Programs.Path+":"+os.Getenv("PATH"))
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	n.running = append(n.running, p)
	return p, nil
}

// stop ends the process, by force after a while.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// ended is how a process that should run has ended, nil if it runs.
func (p *process) ended() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended: %s\n%s", p.name, p.cmd.ProcessState, p.tail(15))
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
