package e2e

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/e2e/node"
)

// oomKill is the death of a pod's process.
type oomKill struct {
	pod string
	// scope is the control group, below that of the suite, whose limit was hit; empty if the log does not tell.
	scope string
	// before are the containers that ran before the kill.
	before []node.Container
}

// expectKills expects the kill in status.kills, and those of all others that the kernel took at the same step: a cgroup
// that has run out may need more than one victim.
func (k *oomKill) expectKills(ctx ginkgo.SpecContext, cause v1alpha1.KillCause) {
	ginkgo.GinkgoHelper()
	awaitEnd(ctx, k.pod)
	expectKill(ctx, k.pod, "main", cause)
	for _, c := range k.before {
		if c.Pod != k.pod && ended(ctx, c.PID) {
			say("the kernel took %s at the same step", c.Pod)
			awaitEnd(ctx, c.Pod)
			expectKill(ctx, c.Pod, c.Name, cause)
		}
	}
}

// oomLine is what the kernel logs of each kill. Below the suite's control group the limit that was hit has a name; an OOM
// of the whole node has none.
var oomLine = regexp.MustCompile(`oom-kill:constraint=.*,(?:oom_memcg=([^,]*)|(global_oom)),task_memcg=([^,]*),`)

// wholeNode is the scope of a kill for want of memory on the whole node.
const wholeNode = "node"

// kernelLog reads what the kernel logs from now on. It tells which limit was hit. It cannot tell who died first: the
// kernel drops messages when many come at once, and they may be of others on the machine. Not every root may read it.
type kernelLog struct {
	// fd is a descriptor without a wrapper: Go's own would wait for records that have not come. -1 is none.
	fd   int
	rest string
}

func openKernelLog() *kernelLog {
	ginkgo.GinkgoHelper()
	path, flags := "/dev/kmsg", os.O_RDONLY|syscall.O_NONBLOCK
	if virtual != nil {
		path, flags = virtual.KernelLog(), os.O_RDONLY
	}
	fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC, 0)
	if err != nil {
		say("the kernel's log cannot be read, so it does not tell which limit was hit: %v", err)
		return &kernelLog{fd: -1}
	}
	_, err = syscall.Seek(fd, 0, 2) // to the end
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return &kernelLog{fd: fd}
}

func (l *kernelLog) close() { _ = syscall.Close(l.fd) }

// scopes are the limits hit since the last call, by the control group of the victim, both below the suite's group.
func (l *kernelLog) scopes() map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(l.read()) {
		m := oomLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		root := strings.TrimSuffix(machine.Host.CgroupRoot(), "/")
		victim, ours := strings.CutPrefix(m[3], root)
		scope, below := strings.CutPrefix(m[1], root)
		if m[2] != "" {
			scope, below = wholeNode, true
		}
		if ours && below {
			found[victim] = scope
		}
	}
	return found
}

// read returns the whole lines that have come since the last call.
func (l *kernelLog) read() string {
	record := make([]byte, 8192)
	for {
		n, err := syscall.Read(l.fd, record)
		if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EINTR) {
			continue // older messages were overwritten before they were read
		}
		if err != nil || n <= 0 {
			break
		}
		l.rest += string(record[:n])
	}
	end := strings.LastIndexByte(l.rest, '\n') + 1
	lines := l.rest[:end]
	l.rest = l.rest[end:]
	return lines
}

// firstKill makes a pod grow until the first process of the scenes dies.
func firstKill(ctx ginkgo.SpecContext, grower string) oomKill {
	ginkgo.GinkgoHelper()
	log := openKernelLog()
	defer log.close()
	all, err := machine.Runtime.Containers(ctx, scenes)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	var dead []node.Container
	push(ctx, grower, func() bool {
		dead = nil
		for _, c := range all {
			if ended(ctx, c.PID) {
				dead = append(dead, c)
			}
		}
		return len(dead) > 0
	})
	gomega.Expect(dead).To(gomega.HaveLen(1), "processes that died at the same step, so that nobody can tell which was first")
	_, scope := log.killIn(dead[0].PodUID)
	return oomKill{pod: dead[0].Pod, scope: scope, before: all}
}

// killIn is the control group of a pod's process that was killed, and the limit at which it was; both are empty if the log
// does not tell within a second.
func (l *kernelLog) killIn(podUID string) (group, scope string) {
	for deadline := time.Now().Add(patience(time.Second)); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		for group, scope := range l.scopes() {
			if strings.Contains(group, podUID) {
				return group, scope
			}
		}
	}
	return "", ""
}

// ended reports whether a process was killed, be it waited for or not.
func ended(ctx ginkgo.SpecContext, pid int) bool {
	stat, err := machine.Host.ReadFile(ctx, fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	// The state follows the name, which is in parentheses.
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}
