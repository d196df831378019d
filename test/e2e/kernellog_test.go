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

	"github.com/killorder/killorder/test/e2e/isolate"
	"github.com/killorder/killorder/test/e2e/node"
)

// oomKill is the death of a pod's process.
type oomKill struct {
	pod string
	// scope is the control group, below that of the suite, whose limit was hit; empty if the log does not tell.
	scope string
}

var oomLine = regexp.MustCompile(`^oom-kill:.*,oom_memcg=/` + isolate.Name + `(/[^,]*),task_memcg=/` + isolate.Name + `(/[^,]*),`)

// kernelLog reads what the kernel logs from now on. It tells which limit was hit. It cannot tell who died first: the
// kernel drops messages when many come at once, and they may be of others on the machine. Not every root may read it.
type kernelLog int

func openKernelLog() kernelLog {
	ginkgo.GinkgoHelper()
	fd, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		say("the kernel's log cannot be read, so it does not tell which limit was hit: %v", err)
		return -1
	}
	_, err = syscall.Seek(fd, 0, 2) // to the end
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return kernelLog(fd)
}

func (l kernelLog) close() { _ = syscall.Close(int(l)) }

// scopes are the limits hit since the last call, by the control group of the victim.
func (l kernelLog) scopes() map[string]string {
	found, record := map[string]string{}, make([]byte, 8192)
	for {
		n, err := syscall.Read(int(l), record)
		if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EINTR) {
			continue // older messages were overwritten before they were read
		}
		if err != nil || n <= 0 {
			return found
		}
		_, text, _ := strings.Cut(string(record[:n]), ";")
		if m := oomLine.FindStringSubmatch(text); m != nil {
			found[m[2]] = m[1]
		}
	}
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
		for _, c := range all {
			if ended(c.PID) {
				dead = append(dead, c)
			}
		}
		return len(dead) > 0
	})
	gomega.Expect(dead).To(gomega.HaveLen(1), "processes that died at the same step, so that nobody can tell which was first")
	time.Sleep(100 * time.Millisecond) // for the log
	kill := oomKill{pod: dead[0].Pod}
	for group, scope := range log.scopes() {
		if strings.Contains(group, dead[0].PodUID) {
			kill.scope = scope
		}
	}
	return kill
}

// ended reports whether a process was killed, be it waited for or not.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	// The state follows the name, which is in parentheses.
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}
