package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// process is a running child. Its output goes to NAME.log and its pid to
// NAME.pid, both in the cluster's folder.
type process struct {
	name, logFile, pidFile string
	cmd                    *exec.Cmd
	// exited is closed after the process has ended.
	exited chan struct{}
}

// start runs a program in the cluster's folder.
func (c *Cluster) start(name, path string, args ...string) (*process, error) {
	p := &process{
		name: name, exited: make(chan struct{}),
		logFile: filepath.Join(c.Dir, name+".log"), pidFile: filepath.Join(c.Dir, name+".pid"),
	}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(path, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = c.Dir, log, log
	p.cmd.SysProcAttr = childAttributes()
	if err := p.run(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, os.WriteFile(p.pidFile, []byte(strconv.Itoa(p.cmd.Process.Pid)), 0o644)
}

// run starts the process and waits for its end on a thread of its own: the kernel
// ends a child with Pdeathsig as soon as the thread that started the child ends.
func (p *process) run() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
			close(p.exited)
		}
	}()
	return <-started
}

// stop ends the process: politely, and after the grace period by force.
func (p *process) stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // it may have been stopped by a test
	select {
	case <-p.exited:
	case <-time.After(grace):
		p.kill()
	}
	_ = os.Remove(p.pidFile)
}

// kill ends the process by force.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
	_ = os.Remove(p.pidFile)
}

func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// failure tells how the process ended, with the end of its log.
func (p *process) failure() error {
	return fmt.Errorf("%s ended: %s\n%s", p.name, p.cmd.ProcessState, tail(p.logFile, 15))
}

// tail returns the last lines of a file.
func tail(path string, lines int) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	all := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	return bytes.Join(all[max(0, len(all)-lines):], []byte("\n"))
}
