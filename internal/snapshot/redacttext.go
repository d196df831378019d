package snapshot

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/sets"
)

// words are what kubelets, the kernel and controllers say in messages about the end of pods. Whoever judges a death reads those
// phrases; every other word may name somebody.
var words = sets.New(strings.Fields(`
the node was low on resource memory threshold quantity available container was using request is has larger
consumption of pod pods rejected had condition memorypressure diskpressure pidpressure usage of emptydir volume exceeds the limit
total limits containers ephemeral local storage ephemeral-storage exceeded its inodes inodesfree pids nodefs imagefs containerfs
didn't have enough requested used capacity preempted in order to admit accommodate a critical by on terminated response imminent
shutdown node's liveness readiness startup probe failed will be restarted started start stopping killing stop created deleted
deletion deleting marking for cancelling taint manager evicted evicting eviction evict preempting system oom encountered victim process pid
cgroup out killed invoked oom-killer total-vm anon-rss file-rss shmem-rss uid gid pgtables oom_score_adj attempting
reclaim podsandbox sandbox changed it re-created recreated definition requires restart restarting hook poststart prestop back-off
backoff grace period time exceeded rebooted boot id kernel reboot starting kubelet nodehassufficientmemory nodehasinsufficientmemory
nodehasnodiskpressure nodehasdiskpressure nodenotready nodeready status now version v1 v2 support maintenance mode and or not no in at
from with this that as an are were did does do could cannot can't exit code error signal successfully assigned pulled pulling image
already present machine containerd docker runtime network ready outofmemory outofcpu outofpods unexpectedadmissionerror
allocatable bytes cpu hugepages`)...)

// mostText bounds a message, in bytes: nothing longer is worth reading.
const mostText = 4096

var (
	word   = regexp.MustCompile(`[\pL\pN\pM_][\pL\pN\pM_'-]*(\.[\pL\pN\pM_'-]+)*|[^\x00-\x7f]`)
	amount = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?([KMGTPE]i?|[kmunsh%]|kB|ms)?$`)
)

// text is a message without what names somebody: words of the messages that are judged stay, and amounts; names that are known
// are renamed; of every other word "x" is left.
func (r *redaction) text(s string) string {
	return word.ReplaceAllStringFunc(s[:min(len(s), mostText)], func(w string) string {
		switch {
		case words.Has(strings.ToLower(w)) || amount.MatchString(w):
			return w
		case !strings.ContainsFunc(w, ofWords):
			return "?" // no part of a word
		}
		for _, n := range []*names{r.pods, r.containers, r.nodes, r.workloads, r.namespaces, r.classes} {
			if renamed := n.of(w); renamed != "" {
				return renamed
			}
		}
		return "x"
	})
}

// ofWords reports whether a character may be a part of a name.
func ofWords(r rune) bool {
	return r < utf8.RuneSelf || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// reasonOf is a word of CamelCase that a program chose. One that is not known may be the program's own name for something.
func reasonOf(s string) string {
	if reasons.Has(s) || strings.HasPrefix(s, "OutOf") && camel.MatchString(s) {
		return s
	}
	return "Other"
}

var camel = regexp.MustCompile(`^[A-Za-z]{1,64}$`)

// reasons of Events and of pods that decide between deaths, and those that everybody has.
var reasons = sets.New(strings.Fields(`
Evicted ExceededGracePeriod EvictionThresholdMet NodeHasInsufficientMemory NodeHasSufficientMemory NodeHasDiskPressure
NodeHasNoDiskPressure NodeHasInsufficientPID NodeHasSufficientPID Killing SandboxChanged Unhealthy Preempting Preempted
TaintManagerEviction DeviceTaintManagerEviction SystemOOM OOMKilling OOMKilled Rebooted CgroupV1 NodeNotReady NodeReady NodeShutdown
Shutdown Terminated Starting Started Created Scheduled Pulled Pulling BackOff Failed FailedScheduling FailedKillPod NodeLost
NodeAffinity UnexpectedAdmissionError InvalidDiskCapacity NodeAllocatableEnforced RegisteredNode RemovingNode ContainerStatusUnknown
CriticalPodAtRisk CriticalPodSafe WrongVictimPredicted PodKilled`)...)
