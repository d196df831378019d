package forensics

import (
	"fmt"
	"slices"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// Windows between two traces of one death. Events of a kubelet and times of a container have the same clock, the
// node's; deletions have the API server's, which may differ by minutes.
const (
	// Together is how far apart the deaths and Events of one incident lie.
	Together = 10 * time.Second
	// Settle is how long traces of a death may trickle in: judge again until then.
	Settle = 15 * time.Second
	// slack for times that are cut to seconds.
	slack = 2 * time.Second
)

// inquest is one death under judgement, with the evidence found so far.
type inquest struct {
	d Death
	v *Victim
	s *Surroundings
	// events of the pod, around its life; nodeEvents of its node.
	events, nodeEvents []Event
	// kernel is the kernel's message that names this death's container, lone one of the same seconds that names none.
	kernel, lone *KernelKill
	others       []*Death // OOM kills, this death among them; see neighbours

	record   Record
	evidence []Evidence
}

// rule judges the death if it applies, and reports whether it did.
type rule func(*inquest) bool

// The rules, first come first served. A pod that ended as a whole takes its containers with it; what only looks like
// a kill goes before the kernel, and the kernel before killers that leave no trace.
var (
	podRules = []rule{
		evictedForMemory, evictedForOther, rejected, preemptedByKubelet, shutDown, pastDeadline,
		preemptedByScheduler, tainted, nodeGone, drained, deleted,
	}
	containerRules = []rule{
		oomKilled, endedWithPod, failedProbe, restartedOnPurpose, statusInvented, runtimeStopped, shimDied,
		stoppedForReboot, exitedByItself, sidecarStopped, killedByKernelUnmarked, foreign,
	}
	wholePodRules = append(slices.Clone(podRules), unexplained)
)

// Classify judges one death by its surroundings. The same input gives the same record, whatever the order of Events
// and neighbours, and however often each is given. A container that went down with its whole pod gives the record of
// the pod: its key is then that of the pod.
func Classify(d Death, s Surroundings) Record {
	c := newInquest(d, &s)
	rules := wholePodRules
	if d.Container != "" {
		rules = containerRules
	}
	for _, applies := range rules {
		if applies(c) {
			break
		}
	}
	return c.close()
}

func newInquest(d Death, s *Surroundings) *inquest {
	if d.Victim == nil {
		d.Victim = &Victim{UID: d.UID, Grace: defaultGrace}
	}
	c := &inquest{d: d, v: d.Victim, s: s}
	for _, e := range arranged(s.PodEvents) {
		if e.of(c.v) && !e.ours() {
			c.events = append(c.events, e)
		}
	}
	around := s.arrange()
	c.others, c.nodeEvents = around.kills, around.events
	if slices.ContainsFunc(around.events, c.elsewhere) {
		c.nodeEvents = slices.DeleteFunc(slices.Clone(around.events), c.elsewhere)
	}
	c.kernel, c.lone = c.kernelKill(), c.loneKill()
	c.record = Record{
		Key: d.Key, Namespace: c.v.Namespace, Pod: c.v.Name, Node: c.v.Node, Workload: s.Workload, Time: d.Time,
		ExitCode: d.ExitCode, Trace: d.Trace, Missed: d.Missed,
	}
	return c
}

// elsewhere reports whether an Event is not about the node of the death.
func (c *inquest) elsewhere(e Event) bool {
	return e.Kind != "Node" || (e.Name != c.v.Node && c.v.Node != "")
}

// close completes the record.
func (c *inquest) close() Record {
	r := c.record
	if r.Confidence == 0 {
		r.Reason, r.Confidence, r.Message = ReasonUnknown, Low, "nothing tells what ended it"
	}
	r.Message = oneLine(r.Message, maxMessage)
	for i := range c.evidence {
		c.evidence[i].Text = oneLine(c.evidence[i].Text, maxText)
	}
	if r.Missed > 0 {
		c.found(SourcePod, "%d earlier deaths of this container were not seen (restartCount)", r.Missed)
	}
	slices.SortStableFunc(c.evidence, func(a, b Evidence) int { return facts.TrueFirst(b.Against, a.Against) })
	r.Evidence = slices.Compact(c.evidence)
	if len(r.Evidence) > maxEvidence {
		r.Evidence = r.Evidence[:maxEvidence]
	}
	if len(r.Evidence) == 0 && r.Confidence == High {
		r.Confidence = Medium
	}
	return r
}

// kill judges: a memory killer it was.
func (c *inquest) kill(cause Cause, how Confidence, format string, args ...any) bool {
	c.record.Cause, c.record.Confidence, c.record.Message = cause, how, fmt.Sprintf(format, args...)
	return true
}

// noKill judges: it was something else.
func (c *inquest) noKill(reason Reason, how Confidence, format string, args ...any) bool {
	c.record.Reason, c.record.Confidence, c.record.Message = reason, how, fmt.Sprintf(format, args...)
	return true
}

func (c *inquest) found(source, format string, args ...any) {
	c.evidence = append(c.evidence, Evidence{Source: source, Text: fmt.Sprintf(format, args...)})
}

func (c *inquest) speaksAgainst(source, format string, args ...any) {
	c.evidence = append(c.evidence, Evidence{Source: source, Text: fmt.Sprintf(format, args...), Against: true})
}

// event finds an Event of the pod, the last of its reason that is accepted; nil if there is none. An Event of one
// container is passed over where the death is another's.
func (c *inquest) event(reason string, accepts func(*Event) bool) *Event {
	for i := len(c.events) - 1; i >= 0; i-- {
		e := &c.events[i]
		mine := e.Container == "" || c.d.Container == "" || e.Container == c.d.Container
		if e.Reason == reason && mine && (accepts == nil || accepts(e)) {
			return e
		}
	}
	return nil
}

// told adds an Event to the evidence.
func (c *inquest) told(e *Event) {
	c.found(SourceEvent, "%s at %s: %s", e.Reason, clock(e.Last), e.Message)
}

// status adds what the status says to the evidence: of the container, or of the pod.
func (c *inquest) status() {
	d := &c.d
	switch {
	case d.Container != "" && d.ExitCode != nil:
		c.found(SourcePod, "%s: %s, exit code %d, at %s", d.Container, d.Trace, *d.ExitCode, clock(d.Time))
	case d.Container != "":
		c.found(SourcePod, "%s: %s", d.Container, d.Trace)
	case c.v.StatusReason != "":
		c.found(SourcePod, "%s %s: %s", c.v.Phase, c.v.StatusReason, c.v.StatusMessage)
	}
}

// disrupted adds the condition DisruptionTarget to the evidence.
func (c *inquest) disrupted() {
	if c.v.Disruption != nil {
		c.found(SourcePod, "condition DisruptionTarget, %s: %s", c.v.Disruption.Reason, c.v.Disruption.Message)
	}
}

// whole turns the record into that of the pod.
func (c *inquest) whole(at time.Time) {
	if c.d.Container != "" {
		c.record.Key = Key{UID: c.v.UID}
		c.record.Missed = 0
		if c.v.Containers != 1 {
			c.record.ExitCode = nil
		}
		if c.v.StatusReason != "" {
			c.record.Trace = c.v.StatusReason
		}
	}
	if c.record.Time.IsZero() {
		c.record.Time = at
	}
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format("15:04:05")
}

// mib prints an amount of memory as people write it, rounded to whole Mi.
func mib(bytes int64) string {
	if bytes < 10<<20 {
		return fmt.Sprintf("%dKi", bytes>>10)
	}
	return fmt.Sprintf("%dMi", (bytes+1<<19)>>20)
}

func isOOM(d *Death) bool { return oomWord(d.Trace) && !d.Invented }

func killedBySignal(d *Death) bool { return d.ExitCode != nil && *d.ExitCode == 137 }

func groupKill(n *Node) bool {
	return n.Config != nil && n.Config.OOMKills == facts.OOMUnitContainer && n.CgroupV1 != facts.StateTrue
}
