package e2e

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
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

// expectKills expects this kill in status.kills, and the kills of all other processes that the kernel killed at the same
// step: a cgroup that has run out of memory may need more than one victim.
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

// oomLine is what the kernel logs of each kill. oom_memcg names the control group whose limit was hit; for an OOM of the
// whole node the line has global_oom in its place.
var oomLine = regexp.MustCompile(`oom-kill:constraint=.*,(?:oom_memcg=([^,]*)|(global_oom)),task_memcg=([^,]*),`)

// wholeNode is the scope of a kill for want of memory on the whole node.
const wholeNode = "node"

// kernelLog reads what the kernel logs from now on. The log tells which limit was hit. If there are many kills, the log may
// not tell which process died first: the kernel drops messages when many come at once, also messages about other processes
// of the machine. Not every root user may read the log.
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

// loggedKill is a kill that the kernel logged: the control group of the victim, and the one whose limit was hit, both below
// the suite's group.
type loggedKill struct{ group, scope string }

// kills are those logged since the last call, in the kernel's order.
func (l *kernelLog) kills() (found []loggedKill) {
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
		if ours && below && strings.HasPrefix(victim, "/") { // not of a run whose name only begins like this one's
			found = append(found, loggedKill{victim, scope})
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
	gomega.Expect(dead).NotTo(gomega.BeEmpty(), "processes that died")
	var uids []string
	for _, c := range dead {
		uids = append(uids, c.PodUID)
	}
	logged := log.killsIn(uids...)
	if len(dead) == 1 {
		return oomKill{pod: dead[0].Pod, scope: logged[0].scope, before: all}
	}
	// The memory of a victim is not free at once: for a process that asks for memory meanwhile, the kernel kills another.
	gomega.Expect(logged).NotTo(gomega.ContainElement(loggedKill{}), "the log tells which of several died first: %+v, %+v", dead, logged)
	first := dead[slices.IndexFunc(dead, func(c node.Container) bool { return strings.Contains(logged[0].group, c.PodUID) })]
	return oomKill{pod: first.Pod, scope: logged[0].scope, before: all}
}

// killsIn returns the first kill of each of these pods, in the kernel's order. If the log does not tell of a pod within a
// second, its kill is empty, and stands last.
func (l *kernelLog) killsIn(podUIDs ...string) (found []loggedKill) {
	missing, deadline := slices.Clone(podUIDs), time.Now().Add(patience(time.Second))
	for ; len(missing) > 0 && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		for _, k := range l.kills() {
			i := slices.IndexFunc(missing, func(uid string) bool { return strings.Contains(k.group, uid) })
			if i >= 0 {
				found, missing = append(found, k), slices.Delete(missing, i, i+1)
			}
		}
	}
	return append(found, make([]loggedKill, len(missing))...)
}

// ended reports whether a process was killed, even if its parent has not yet waited for it.
func ended(ctx ginkgo.SpecContext, pid int) bool {
	stat, err := machine.Host.ReadFile(ctx, fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	// The state follows the name, which is in parentheses.
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}
