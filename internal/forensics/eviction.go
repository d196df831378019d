package forensics

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/killorder/killorder/internal/facts"
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
	c.podEnd(e)
	if slow := c.event("ExceededGracePeriod", nil); slow != nil {
		c.told(slow)
	}
	c.record.Eviction = c.figures(texts, e)
	c.nodeAround("EvictionThresholdMet", "NodeHasInsufficientMemory")
	return c.kill(CauseEviction, how, "%s", evictionMessage(c.record.Eviction))
}

// nodeAround adds the node's Events of these reasons around the death.
func (c *inquest) nodeAround(reasons ...string) {
	for i := range c.nodeEvents {
		if e := &c.nodeEvents[i]; slices.Contains(reasons, e.Reason) && e.near(c.record.Time, 3*Together) {
			c.found(SourceNodeEvent, "%s at %s: %s", e.Reason, clock(e.Last), e.Message)
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
	return amount(strings.TrimSuffix(rest[:end], "."))
}

// amount parses an amount of bytes as a kubelet prints one: at most 32 characters, without an exponent, since
// ParseQuantity counts 1e999999999 out. It is 0 for what is none.
func amount(text string) int64 {
	suffix := strings.TrimLeft(text, "0123456789.")
	if len(text) == 0 || len(text) > 32 || len(suffix) > 2 || strings.ContainsAny(suffix, "0123456789") {
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
			out[oneLine(name, maxText)] = amount(list[i])
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
	podsLimit, _, _ := n.podsLimit()
	node := is(n.Config.EvictionHard, n.Capacity, f.Threshold)
	pods := n.Config.PodsEnforced && is(n.Config.EvictionHard, podsLimit, f.Threshold)
	soft := is(n.Config.EvictionSoft, n.Capacity, f.Threshold)
	f.Hard = (node || pods) && !soft
	f.Soft = soft && !node && !pods
	switch {
	case node && pods:
		f.Signal = c.nearSignal(f, podsLimit)
	case node, f.Soft:
		f.Signal = signalNode
	case pods:
		f.Signal = signalPods
	}
	if f.Hard || f.Soft {
		signal := cmp.Or(f.Signal, signalNode+" or "+signalPods)
		c.found(SourceConfig, "threshold %s is the %s one of %s", mib(f.Threshold), hardness(f), signal)
	}
}

// is reports whether a threshold comes to an amount, but for the rounding of a fraction of the capacity.
func is(t facts.Threshold, capacity, amount int64) bool {
	bytes, set := t.Of(capacity)
	return set && max(bytes, amount)-min(bytes, amount) <= 1<<20
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
