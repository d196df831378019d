package forensics

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/internal/facts"
)

// What the kubelet writes (eviction/helpers.go, preemption.go, nodeshutdown_manager.go, kubelet.go of v1.37.2).
const (
	lowOnResource = "low on resource: "
	nodeCondition = "the node had condition: "
	wasRejected   = "pod was rejected"
	forCritical   = "critical pod"
	shuttingDown  = "node shutdown"
)

// evictionTexts are all texts that a kubelet's eviction of the pod left: the Event's, the status's, the condition's.
// The Event comes first, the others once all containers have stopped, and only the condition stays if the pod Succeeded.
func (c *inquest) evictionTexts() (texts []string, event *Event) {
	if event = c.event("Evicted", nil); event != nil {
		texts = append(texts, event.Message)
	}
	if c.v.StatusReason == "Evicted" {
		texts = append(texts, c.v.StatusMessage)
	}
	if k := c.v.Disruption; k != nil && k.Reason == corev1.PodReasonTerminationByKubelet {
		texts = append(texts, k.Message)
	}
	return texts, event
}

// starvedOf is the resource that the texts name, empty if none.
func starvedOf(texts []string, e *Event) string {
	if e != nil && e.Starved != "" {
		return e.Starved
	}
	for _, t := range texts {
		if i := strings.Index(strings.ToLower(t), lowOnResource); i >= 0 {
			name, _, _ := strings.Cut(t[i+len(lowOnResource):], " ")
			return strings.TrimSuffix(name, ".")
		}
	}
	return ""
}

// evictedForMemory: the kubelet evicted the pod because memory.available or allocatableMemory.available crossed its
// threshold. Phase and exit code do not matter: a pod that exits 0 in time ends as Succeeded.
func evictedForMemory(c *inquest) bool {
	texts, e := c.evictionTexts()
	if starvedOf(texts, e) != string(corev1.ResourceMemory) {
		return false
	}
	how := Medium // one trace alone: the status is not written yet, or only the status is left
	if len(texts) > 1 || c.v.Disruption != nil {
		how = High
	}
	if c.v.StatusReason != "" {
		c.status()
	}
	c.disrupted()
	at := disruptedAt(c.v)
	if e != nil {
		c.told(e)
		at = e.Last
	}
	c.whole(at)
	c.record.Eviction = c.figures(texts, e)
	c.nodeAround("EvictionThresholdMet", "NodeHasInsufficientMemory")
	return c.kill(CauseEviction, how, "%s", evictionMessage(c.record.Eviction))
}

func disruptedAt(v *Victim) time.Time {
	if v.Disruption != nil {
		return v.Disruption.At
	}
	return time.Time{}
}

// nodeAround adds the node's Events of these reasons around the death.
func (c *inquest) nodeAround(reasons ...string) {
	for i := range c.nodeEvents {
		e := &c.nodeEvents[i]
		for _, r := range reasons {
			if e.Reason == r && e.near(c.record.Time, 3*Together) {
				c.found(SourceNodeEvent, "%s at %s: %s", e.Reason, clock(e.Last), e.Message)
			}
		}
	}
}

// figures reads "Threshold quantity: X, available: Y." and "Container c was using U, request is R".
func (c *inquest) figures(texts []string, e *Event) *EvictionFigures {
	f := &EvictionFigures{}
	for _, t := range texts {
		f.Threshold = max(f.Threshold, quantityAfter(t, "Threshold quantity: "))
		f.Available = max(f.Available, quantityAfter(t, "available: "))
	}
	if e != nil && e.Offending != "" {
		f.Usage = usages(e.Offending, e.OffendingUsage)
	}
	c.whichThreshold(f)
	return f
}

// quantityAfter is the quantity that follows a phrase, in bytes; 0 if there is none.
func quantityAfter(text, phrase string) int64 {
	_, rest, found := strings.Cut(text, phrase)
	if !found {
		return 0
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !strings.ContainsRune("0123456789.EPTGMKikmun", r) })
	if end < 0 {
		end = len(rest)
	}
	return quantity(strings.TrimSuffix(rest[:end], "."))
}

// quantity parses an amount of bytes of at most 32 characters; 0 for what is none.
func quantity(text string) int64 {
	if len(text) == 0 || len(text) > 32 {
		return 0
	}
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return 0
	}
	return bounded(q.Value())
}

func usages(names, amounts string) map[string]int64 {
	list := strings.Split(amounts, ",")
	out := map[string]int64{}
	for i, name := range strings.Split(names, ",") {
		if i < len(list) && len(out) < 16 && name != "" {
			out[oneLine(name, maxText)] = quantity(list[i])
		}
	}
	return out
}

// whichThreshold matches the threshold quantity with the kubelet's configuration: hard or soft, and, where one
// quantity serves two signals, the signal whose own reading was near that threshold.
func (c *inquest) whichThreshold(f *EvictionFigures) {
	n := &c.s.Node
	if n.Config == nil || f.Threshold == 0 {
		return
	}
	hard, hardSet := n.Config.EvictionHard.Of(n.Capacity)
	soft, softSet := n.Config.EvictionSoft.Of(n.Capacity)
	podsLimit, _, _ := n.podsLimit()
	podsHard, podsSet := n.Config.EvictionHard.Of(podsLimit)
	isHard := hardSet && same(hard, f.Threshold)
	isPods := podsSet && n.Config.PodsEnforced && same(podsHard, f.Threshold)
	isSoft := softSet && same(soft, f.Threshold)
	switch {
	case isSoft && !isHard && !isPods:
		f.Soft, f.Signal = true, signalNode
	case isHard && !isPods:
		f.Hard, f.Signal = true, signalNode
	case isPods && !isHard:
		f.Hard, f.Signal = true, signalPods
	case isHard && isPods:
		f.Hard = !isSoft
		f.Signal = c.nearSignal(f, podsLimit)
	}
	if f.Hard || f.Soft {
		c.found(SourceConfig, "threshold %s is the %s one of %s", mib(f.Threshold), hardness(f), orUnknown(f.Signal))
	}
}

const (
	signalNode = "memory.available"
	signalPods = "allocatableMemory.available"
)

func hardness(f *EvictionFigures) string {
	if f.Soft {
		return "soft"
	}
	return "hard"
}

func orUnknown(signal string) string {
	if signal == "" {
		return signalNode + " or " + signalPods
	}
	return signal
}

// nearSignal tells by the readings which of two signals was the one under its threshold.
func (c *inquest) nearSignal(f *EvictionFigures, podsLimit int64) string {
	r := c.s.Readings
	if r == nil || r.Available == facts.Unknown || r.Pods == facts.Unknown {
		return ""
	}
	margin := f.Threshold + f.Threshold/2
	node, pods := r.Available < margin, podsLimit-r.Pods < margin
	switch {
	case node && !pods:
		return signalNode
	case pods && !node:
		return signalPods
	}
	return ""
}

// same allows for the rounding of a fraction of the capacity.
func same(a, b int64) bool { return (max(a, b) - min(a, b)) <= 1<<20 }

func evictionMessage(f *EvictionFigures) string {
	text := "the kubelet evicted the pod: the node was low on memory"
	switch {
	case f.Soft:
		text += ", soft threshold"
	case f.Hard:
		text += ", hard threshold"
	case f.Threshold > 0:
		text += ", threshold"
	}
	if f.Threshold > 0 {
		text += " " + mib(f.Threshold) + ", available " + mib(f.Available)
	}
	return text
}

// evictedForOther: evicted for disk, inodes or process IDs, or for a storage limit of the pod itself.
func evictedForOther(c *inquest) bool {
	texts, e := c.evictionTexts()
	starved := starvedOf(texts, e)
	all := strings.Join(texts, " ")
	reason := ReasonDiskEviction
	switch {
	case starved == "pids":
		reason = ReasonPIDEviction
	case starved != "":
	case mentions(all, "emptydir volume", "ephemeral storage", "ephemeral local storage"):
		starved = "a storage limit of the pod"
	default:
		return false
	}
	c.podEnd(e)
	return c.noKill(reason, High, "evicted, but not for memory: %s", starved)
}

// podEnd adds the traces of an end of the whole pod.
func (c *inquest) podEnd(e *Event) {
	if c.v.StatusReason != "" {
		c.status()
	}
	c.disrupted()
	at := disruptedAt(c.v)
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
	case failed && v.StatusReason != "" && !v.Ran && v.Disruption == nil && v.Containers > 0 && c.d.Container == "" && !otherEnd(v.StatusReason):
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
	c.status()
	c.disrupted()
	if c.v.Phase == string(corev1.PodSucceeded) {
		return c.noKill(ReasonExit, Medium, "the pod ended successfully")
	}
	if mentions(c.v.StatusReason+" "+c.v.StatusMessage, "evict") && mentions(c.v.StatusMessage, "memory") {
		return c.kill(CauseEviction, Low, "evicted for memory in words not known here: %s", c.v.StatusMessage)
	}
	return c.noKill(ReasonUnknown, Low, "the pod ended as a whole: %s %s", c.v.StatusReason, c.v.StatusMessage)
}
