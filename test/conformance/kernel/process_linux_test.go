package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// answerPatience bounds every wait for a hog. Touching a GiB takes half a second here; an emulated machine waits longer.
var answerPatience = 20 * time.Second

var errDied = errors.New("process died")

// process is a hog as the test sees it.
type process struct {
	// pod and container are indexes in the scenario; -1 for the outsider.
	pod, container int
	// ordinal of the process in its container.
	ordinal int
	// adj is oom_score_adj as it would be on a real node, played what is written for it here.
	adj, played int32
	process     *os.Process
	in          *os.File
	answers     chan string
	// died is closed once the process has been waited for; status is set then.
	died   chan struct{}
	status syscall.WaitStatus
}

// spawn starts this binary in a role, with pipes for commands and answers, and waits for its first answer.
func (p *process) spawn(role string) error {
	in, commands, err := os.Pipe()
	if err != nil {
		return err
	}
	answers, out, err := os.Pipe()
	if err != nil {
		return errors.Join(err, in.Close(), commands.Close())
	}
	defer func() { _ = errors.Join(in.Close(), out.Close()) }() // the child has its own
	started, err := os.StartProcess("/proc/self/exe", []string{"killorder-hog"}, &os.ProcAttr{
		Env: hogEnvironment(role), Files: []*os.File{in, out},
	})
	if err != nil {
		return errors.Join(err, commands.Close(), answers.Close())
	}
	p.process, p.in, p.answers, p.died = started, commands, make(chan string, 1), make(chan struct{})
	go p.listen(answers)
	go p.wait()
	return p.answer()
}

// startIn starts a hog that takes all its memory in that group, under its oom_score_adj.
func (p *process) startIn(g *group) error {
	if err := p.spawn(roleStaged); err != nil {
		return err
	}
	if err := g.add(p.pid()); err != nil {
		return err
	}
	if err := p.writeAdj(p.played); err != nil {
		return err
	}
	return p.do("exec", 0)
}

func (p *process) listen(from *os.File) {
	defer func() { _ = from.Close() }()
	for lines := bufio.NewScanner(from); lines.Scan(); {
		p.answers <- lines.Text()
	}
}

func (p *process) wait() {
	if state, err := p.process.Wait(); err == nil {
		p.status, _ = state.Sys().(syscall.WaitStatus)
	}
	close(p.died)
}

// do sends a command and waits for its answer; errDied if the process died meanwhile.
func (p *process) do(command string, bytes int64) error {
	if _, err := fmt.Fprintf(p.in, "%s %d\n", command, bytes); err != nil {
		return errDied
	}
	return p.answer()
}

func (p *process) answer() error {
	select {
	case said := <-p.answers:
		if said != "ok" {
			return errors.New(said)
		}
		return nil
	case <-p.died:
		return errDied
	case <-time.After(answerPatience):
		return fmt.Errorf("process %d does not answer", p.pid())
	}
}

func (p *process) pid() int { return p.process.Pid }

func (p *process) writeAdj(adj int32) error {
	return os.WriteFile(p.file("oom_score_adj"), []byte(strconv.Itoa(int(adj))), 0)
}

func (p *process) file(name string) string { return fmt.Sprintf("/proc/%d/%s", p.pid(), name) }

func (p *process) alive() bool {
	select {
	case <-p.died:
		return false
	default:
		return true
	}
}

// killedBySIGKILL is only true of a process that died.
func (p *process) killedBySIGKILL() bool {
	return p.status.Signaled() && p.status.Signal() == syscall.SIGKILL
}

// end kills the process, if it was started, and waits for its end.
func (p *process) end() {
	if p == nil || p.process == nil {
		return
	}
	_ = p.process.Kill() // it may have ended
	<-p.died
	_ = p.in.Close()
}

// canWriteNegativeAdj tries it on a process of ours: it takes CAP_SYS_RESOURCE.
func canWriteNegativeAdj() (bool, error) {
	p := &process{}
	defer p.end()
	if err := p.spawn(roleHog); err != nil {
		return false, err
	}
	return p.writeAdj(-1) == nil, nil
}
