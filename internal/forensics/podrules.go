package forensics

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// What the kubelet writes (eviction/helpers.go, preemption.go, nodeshutdown_manager.go, kubelet.go of v1.37.2).
const (
	lowOnResource = "low on resource: "
	nodeCondition = "the node had condition: "
	wasRejected   = "pod was rejected"
	forCritical   = "critical pod"
	shuttingDown  = "node shutdown"
)

// podEnd adds the traces of an end of the whole pod.
func (c *inquest) podEnd(e *Event) {
	if c.v.StatusReason != "" {
		c.status()
	}
	c.disrupted()
	var at time.Time
	if c.v.Disruption != nil {
		at = c.v.Disruption.At
	}
	if e != nil {
		c.told(e)
		at = e.Last
	}
	c.whole(at)
}

// rejected: the kubelet did not admit the pod. It never ran, or a restarted kubelet admitted it anew and refused.
// OutOfmemory is the same for want of room by requests.
func rejected(c *inquest) bool {
	v := c.v
	e := c.event("Evicted", func(e *Event) bool { return e.says(nodeCondition) })
	failed := v.Phase == string(corev1.PodFailed)
	switch {
	case failed && strings.HasPrefix(v.StatusReason, "OutOf"):
		e = c.event(v.StatusReason, nil)
	case mentions(v.StatusMessage, wasRejected, nodeCondition), e != nil:
	case failed && c.d.Container == "" && !v.Ran && v.Disruption == nil && v.Containers > 0 &&
		v.StatusReason != "" && !otherEnd(v.StatusReason):
	default:
		return false
	}
	c.podEnd(e)
	switch {
	case v.StatusReason == string(ReasonOutOfmemory):
		return c.noKill(ReasonOutOfmemory, High, "not admitted: its memory request did not fit the node; nothing was killed")
	case v.Ran:
		return c.noKill(ReasonRejected, High, "a restarted kubelet did not admit the running pod again, and ended it")
	}
	return c.noKill(ReasonRejected, High, "the kubelet did not admit the pod; it never ran")
}

// otherEnd reports status reasons of pods that later rules judge.
func otherEnd(reason string) bool {
	switch reason {
	case "Preempting", "Terminated", "Shutdown", "DeadlineExceeded", "NodeLost", "Evicted":
		return true
	}
	return false
}

// preemptedByKubelet: the kubelet ended the pod to make room for a critical one.
func preemptedByKubelet(c *inquest) bool {
	e := c.event("Preempting", nil)
	byCondition := c.byKubelet(forCritical)
	if c.v.StatusReason != "Preempting" && !byCondition && e == nil {
		return false
	}
	c.podEnd(e)
	return c.noKill(ReasonPreempted, High, "the kubelet ended the pod to admit a critical one")
}

// byKubelet reports the condition DisruptionTarget/TerminationByKubelet with a phrase in its message: evictions,
// preemptions and shutdowns share the reason.
func (c *inquest) byKubelet(phrase string) bool {
	k := c.v.Disruption
	return k != nil && k.Reason == corev1.PodReasonTerminationByKubelet && mentions(k.Message, phrase)
}

// shutDown: the kubelet ended the pod because the node shut down.
func shutDown(c *inquest) bool {
	v := c.v
	byReason := v.StatusReason == "Shutdown" || (v.StatusReason == "Terminated" && mentions(v.StatusMessage, shuttingDown, "shutting"))
	if !byReason && !c.byKubelet(shuttingDown) {
		return false
	}
	c.podEnd(nil)
	return c.noKill(ReasonShutdown, High, "the node shut down")
}

// pastDeadline: activeDeadlineSeconds ran out.
func pastDeadline(c *inquest) bool {
	if c.v.StatusReason != "DeadlineExceeded" {
		return false
	}
	c.podEnd(nil)
	return c.noKill(ReasonExit, High, "stopped at its deadline (activeDeadlineSeconds)")
}

// preemptedByScheduler: the scheduler deleted the pod for one of higher priority.
func preemptedByScheduler(c *inquest) bool {
	e := c.event("Preempted", nil)
	if !c.disruptedBy(corev1.PodReasonPreemptionByScheduler) && (e == nil || !c.leaving()) {
		return false
	}
	c.podEnd(e)
	return c.noKill(ReasonPreempted, High, "the scheduler preempted the pod for one of higher priority")
}

func (c *inquest) disruptedBy(reason string) bool {
	return c.v.Disruption != nil && c.v.Disruption.Reason == reason
}

// leaving reports whether the pod is being deleted, or is gone.
func (c *inquest) leaving() bool { return c.v.Gone || !c.v.DeletionAt.IsZero() }

// tainted: a NoExecute taint (of the node, or of a device) made a controller delete the pod.
func tainted(c *inquest) bool {
	e := c.event("TaintManagerEviction", marking)
	if e == nil {
		e = c.event("DeviceTaintManagerEviction", marking)
	}
	byTaint := c.disruptedBy("DeletionByTaintManager") || c.disruptedBy("DeletionByDeviceTaintManager")
	if !byTaint && (e == nil || !c.leaving()) {
		return false
	}
	c.podEnd(e)
	return c.noKill(ReasonTainted, High, "deleted because of a NoExecute taint")
}

func marking(e *Event) bool { return e.says("marking for deletion") }

// nodeGone: the pod's node is gone, or out of service.
func nodeGone(c *inquest) bool {
	if !c.disruptedBy("DeletionByPodGC") && c.v.StatusReason != "NodeLost" {
		return false
	}
	c.podEnd(nil)
	return c.noKill(ReasonNodeGone, High, "its node is gone")
}

// drained: the eviction API. Its condition may be set without a deletion (and goes back to False after two minutes).
func drained(c *inquest) bool {
	if !c.disruptedBy("EvictionByEvictionAPI") || !c.leaving() {
		return false
	}
	c.podEnd(nil)
	return c.noKill(ReasonDrained, High, "drained by the eviction API")
}

// deleted: somebody deleted the pod. With exit code 137 its grace period ran out.
func deleted(c *inquest) bool {
	if !c.leaving() {
		return false
	}
	c.status()
	if !c.v.DeletionAt.IsZero() {
		c.found(SourcePod, "deletionTimestamp %s", clock(c.v.DeletionAt))
	}
	if e := c.event("Killing", nil); e != nil {
		c.told(e)
	}
	stillRan := c.d.Container == "" && c.v.Running
	c.whole(c.v.DeletionAt)
	switch {
	case stillRan:
		return c.noKill(ReasonExit, Medium, "deleted by force while it ran; nothing shows how its containers ended")
	case killedBySignal(&c.d):
		return c.noKill(ReasonExit, High, "deleted: stopped by the kubelet, with SIGKILL after its grace period")
	}
	return c.noKill(ReasonExit, High, "deleted: stopped by the kubelet")
}

// unexplained: the pod ended as a whole for a reason that is not known here.
func unexplained(c *inquest) bool {
	c.podEnd(nil)
	if c.v.Phase == string(corev1.PodSucceeded) {
		return c.noKill(ReasonExit, Medium, "the pod ended successfully")
	}
	if mentions(c.v.StatusReason+" "+c.v.StatusMessage, "evict") && mentions(c.v.StatusMessage, "memory") {
		return c.kill(CauseEviction, Low, "evicted for memory in words not known here: %s", c.v.StatusMessage)
	}
	return c.noKill(ReasonUnknown, Low, "the pod ended as a whole: %s %s", c.v.StatusReason, c.v.StatusMessage)
}
