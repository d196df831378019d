package whatif

import (
	"time"

	"github.com/killorder/killorder/internal/engine"
	"github.com/killorder/killorder/internal/facts"
)

// Scenario is what happens on a node whose memory runs short.
type Scenario struct {
	// Kubelet and Kernel are the killers at work. With both they race.
	Kubelet, Kernel bool
	// Growths are what pods come to use beyond their readings.
	Growths []Growth
	// Outside is what processes outside of pods come to use beyond the readings, in bytes.
	Outside int64
	// Over is the time that all growth takes, evenly; 0 for at once.
	Over time.Duration
}

// Growth is what one pod comes to use beyond its reading.
type Growth struct {
	// Pod of the node, and the name of the container that grows; "" for the one that uses most.
	Pod       *facts.Pod
	Container string
	// Bytes beyond the reading.
	Bytes int64
}

// End is how a sequence ends.
type End uint8

// The ends. Relieved: the killers at work are content. Exhausted: one of them is not, and has nobody left to take.
// Endless: the scenario takes longer than a day. NotKnown: the node has no reading to begin with.
const (
	Relieved End = iota
	Exhausted
	Endless
	NotKnown
)

// Step is one kill.
type Step struct {
	// Killer is the kubelet (Eviction), the kernel for want of memory (OOM), or the kernel at a limit of the container's or
	// the pod's own (Limit).
	Killer engine.Killer
	// Victim is the pod as it was in the verdict.
	Victim *facts.PodState
	// Container's index in Containers; engine.PodLevel where the whole pod goes.
	Container int
	// At is the time from the beginning.
	At time.Duration
	// Frees is what the kill gives back, in bytes; 0 for a pod without a reading. Available is the memory.available then,
	// and Pods what is left of the limit of kubepods; both are negative while more is wanted than there is. PodsKnown:
	// that limit is known or inferred.
	Frees, Available, Pods int64
	PodsKnown              bool
}

// ContainerName of the victim, "" for the whole pod.
func (s *Step) ContainerName() string {
	if s.Container == engine.PodLevel {
		return ""
	}
	return s.Victim.Containers[s.Container].Name
}

// Sequence is the kills of a scenario, first to last.
type Sequence struct {
	Steps []Step
	End   End
	// CriticalLost counts the critical pods that lost a container or all of them.
	CriticalLost int
}

// The kubelet's times (pkg/kubelet/kubelet.go and pkg/kubelet/eviction/eviction_manager.go of Kubernetes v1.37.2).
const (
	// monitoring is the time between two looks at the signals while nobody is evicted.
	monitoring = 10 * time.Second
	// cleanup is the longest that the kubelet waits for an evicted pod to go.
	cleanup = 30 * time.Second
	// hardGrace is the grace period of a pod that is evicted for a hard threshold.
	hardGrace = time.Second
)

// Simulate plays a scenario on the node of a verdict.
//
// The kubelet looks at both signals every ten seconds, evicts the first pod of its order when less than a threshold is
// available, waits for that pod to go, and looks again at once. Once it has begun for a threshold, it goes on until that
// threshold and the minimum reclaim are available. A hard threshold gives a second of grace; a soft one must have been
// crossed for its grace period, and gives the pod at most evictionMaxPodGracePeriod.
//
// The kernel kills whenever more is wanted than the node, or kubepods, has: the container of the largest badness on the
// scale of what ran out, until the rest fits. A container that reaches a limit of its own, or of its pod, is killed there.
//
// What is not known is left out: a killed container starts again with next to nothing and does not grow again, each
// container is killed once, page cache is not reclaimed, and readings are as fresh as the kubelet's. Without growth and
// with the kubelet alone, the steps are the beginning of the verdict's eviction order.
func Simulate(v *engine.Verdict, s *Scenario) Sequence { return newRace(v, s).run() }
