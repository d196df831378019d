package e2e

import (
	"errors"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/killorder/killorder/test/e2e/isolate"
)

// oomKill is what the kernel logs of one kill in a control group: whose limit was hit, and whose process died.
type oomKill struct {
	// scope and victim are control groups, below that of the suite.
	scope, victim string
}

var oomLine = regexp.MustCompile(`^oom-kill:.*,oom_memcg=/` + isolate.Name + `(/[^,]*),task_memcg=/` + isolate.Name + `(/[^,]*),`)

// podUID of the victim.
func (k oomKill) podUID() string {
	_, id, _ := strings.Cut(k.victim, "/pod")
	id, _, _ = strings.Cut(id, "/")
	return id
}

// kernelLog reads what the kernel logs from now on.
type kernelLog int

func openKernelLog() kernelLog {
	ginkgo.GinkgoHelper()
	fd, err := syscall.Open("/dev/kmsg", syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "the kernel's log says who was killed")
	_, err = syscall.Seek(fd, 0, 2) // to the end
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return kernelLog(fd)
}

func (l kernelLog) close() { _ = syscall.Close(int(l)) }

// kills are those of the suite's control groups since the last call. The log is the machine's: others' are left out.
func (l kernelLog) kills() (found []oomKill) {
	record := make([]byte, 8192)
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
			found = append(found, oomKill{scope: m[1], victim: m[2]})
		}
	}
}

// first waits for the first kill that push has brought about.
func (l kernelLog) first(ctx ginkgo.SpecContext, pod string) oomKill {
	ginkgo.GinkgoHelper()
	var kills []oomKill
	happened := func() bool {
		if len(kills) == 0 {
			kills = l.kills()
		}
		return len(kills) > 0
	}
	push(ctx, pod, happened)
	gomega.Eventually(happened).WithTimeout(5*time.Second).Should(gomega.BeTrue(), "the kernel killed nobody")
	return kills[0]
}
