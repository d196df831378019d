package forensics

import (
	"strconv"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// oomKilled: the runtime says that a process of the container was OOM-killed. The mark is sticky: the container may have
// ended later, for another reason. Any exit code but 137 shows that; with 137, a SIGKILL of the kubelet's shows it.
func oomKilled(c *inquest) bool {
	if !isOOM(&c.d) {
		return false
	}
	c.status()
	if c.d.ExitCode == nil && c.d.ContainerID == "" {
		return c.byScope() // an Event is all there is
	}
	if !killedBySignal(&c.d) {
		return c.survivedOOM()
	}
	if stop := c.stopped(); stop != nil && stop.ranOut {
		if c.s.Node.CgroupV1 == facts.StateTrue && c.oomDuringLife() != nil {
			return false // the mark is that of a neighbour's death: what the kubelet did is judged without the mark
		}
		c.found(SourceEvent, "%s", stop.text)
		return c.kill(CauseProcessOOM, Medium,
			"a process in it was OOM-killed earlier; the container itself was ended by the kubelet: %s", stop.why)
	}
	return c.byScope()
}

// survivedOOM judges a container that is marked OOMKilled, but ended with an exit code of its own.
func (c *inquest) survivedOOM() bool {
	code := "unknown"
	if c.d.ExitCode != nil {
		code = strconv.Itoa(int(*c.d.ExitCode))
	}
	switch c.s.Node.CgroupV1 {
	case facts.StateTrue:
		if n := c.oomDuringLife(); n != nil {
			c.found(SourceNeighbours, "%s/%s was OOM-killed at %s", n.Victim.Name, n.Container, clock(n.Time))
			c.found(SourceNode, "on cgroup v1 an OOM of all pods marks every container of the node")
			return c.noKill(ReasonExit, Medium,
				"it ended by itself, exit code %s; OOMKilled is a mark of a neighbour's death (cgroup v1)", code)
		}
		return c.kill(CauseProcessOOM, Low, "a process in it may have been OOM-killed earlier; it ended with exit code %s", code)
	case facts.StateFalse:
		return c.kill(CauseProcessOOM, High, "a process in it was OOM-killed earlier; the container ended with exit code %s", code)
	}
	return c.kill(CauseProcessOOM, Medium, "a process in it was OOM-killed earlier; the container ended with exit code %s", code)
}

// oomDuringLife finds an OOM kill of another container while this one ran.
func (c *inquest) oomDuringLife() *Death {
	for n := range c.neighbours {
		if n.Time.After(c.d.Started) && !n.Time.After(c.d.Time) {
			return n
		}
	}
	return nil
}

// stop is how the kubelet ended a container.
type stop struct {
	why, text string
	// ranOut: the grace period was over when the container ended, so that SIGKILL was the kubelet's.
	ranOut bool
}

// stopped tells whether the kubelet was ending the container when it died: by an Event Killing, else by a deletion
// that began before. An eviction for memory is not looked at: there the kernel may well have been first. Beside
// SandboxChanged an Event Killing only says that the kubelet cleans up after somebody else.
func (c *inquest) stopped() *stop {
	if texts, e := c.evictionTexts(); starvedOf(texts, e) == "memory" || groupKill(&c.s.Node) {
		return nil
	}
	grace := c.grace()
	if e := c.killing(); e != nil && !c.sandboxChanged() {
		at := lastBefore(e, c.d.Time)
		s := &stop{why: c.stopReason(e), text: e.Reason + " at " + clock(at) + ": " + e.Message}
		if e.says("probe") && c.d.ProbeGrace > 0 {
			grace = c.d.ProbeGrace
		}
		s.ranOut = !c.d.Time.Before(at.Add(time.Duration(grace)*time.Second - slack/2))
		return s
	}
	if c.d.Terminating && c.v.DeletionGrace > 0 && !c.d.Time.Before(c.v.DeletionAt.Add(-slack)) {
		return &stop{why: "a deletion", text: "deletion at " + clock(c.v.DeletionAt), ranOut: true}
	}
	return nil
}

// grace is the pod's own grace period, or that of the deletion, where it is known.
func (c *inquest) grace() int64 {
	if c.v.DeletionGrace > 0 {
		return c.v.DeletionGrace
	}
	return min(c.v.Grace, 1<<31)
}

// killing is the kubelet's Event Killing for this container, while it ran.
func (c *inquest) killing() *Event {
	return c.event("Killing", func(e *Event) bool {
		return !e.First.After(c.d.Time.Add(slack)) && !lastBefore(e, c.d.Time).Before(c.d.Started)
	})
}

// lastBefore is the last known time of an Event that is not after t (but for times cut to seconds).
func lastBefore(e *Event, t time.Time) time.Time {
	if e.Last.After(t.Add(slack)) {
		return e.First
	}
	return e.Last
}

// sandboxChanged: the pod's sandbox died too, which the kubelet ends last. Somebody killed the pod's cgroup or shim.
func (c *inquest) sandboxChanged() bool {
	return c.v.DeletionAt.IsZero() && c.event("SandboxChanged", func(e *Event) bool { return e.near(c.d.Time, Together) }) != nil
}

func (c *inquest) stopReason(killing *Event) string {
	switch {
	case killing.says("liveness probe"):
		return "a failed liveness probe"
	case killing.says("startup probe"):
		return "a failed startup probe"
	case c.leaving():
		return "a deletion"
	}
	return "an Event Killing"
}

// endedWithPod: the container went down with its pod, by the rules of podRules. An earlier death of a container that
// was restarted since is its own.
func endedWithPod(c *inquest) bool {
	if !c.d.Latest || !c.inPodsEnd() {
		return false
	}
	for _, applies := range podRules {
		if applies(c) {
			return true
		}
	}
	if c.byKubelet("") || c.v.StatusReason != "" {
		return unexplained(c)
	}
	return false
}

// inPodsEnd reports whether the container died when the pod ended, not before. The kubelet writes its Event first; a
// deletion is told by Killing, or by an earlier state in which the container ran and was to be deleted.
func (c *inquest) inPodsEnd() bool {
	for _, reason := range []string{"Evicted", "Preempting"} {
		if e := c.event(reason, nil); e != nil {
			return c.d.Time.IsZero() || !c.d.Time.Before(e.First.Add(-slack))
		}
	}
	if c.byKubelet("") || c.v.StatusReason != "" {
		return true
	}
	if !c.leaving() {
		return false
	}
	if c.d.Terminating || c.d.Time.IsZero() {
		return true
	}
	if e := c.killing(); e != nil {
		return true
	}
	if known(c.s.EventsSince, c.d.Time) && c.d.Time.Sub(c.v.Created) > 0 {
		return false
	}
	return !c.d.Time.Before(c.v.DeletionAt.Add(-time.Duration(max(c.v.DeletionGrace, c.v.Grace))*time.Second - Together))
}

// failedProbe: a liveness or startup probe failed, so the kubelet ended the container: 143, or 137 after its grace.
func failedProbe(c *inquest) bool {
	e := c.event("Killing", func(e *Event) bool {
		return e.says("failed liveness probe", "failed startup probe") && c.coversDeath(e)
	})
	if e == nil {
		return false
	}
	c.status()
	c.told(e)
	if u := c.event("Unhealthy", nil); u != nil {
		c.told(u)
	}
	return c.noKill(ReasonProbe, High, "the kubelet restarted it: %s", c.stopReason(e))
}

// coversDeath reports whether an Event Killing, perhaps one of several counted together, is of this death: the
// container died within its grace period, and some seconds, after the Event.
func (c *inquest) coversDeath(e *Event) bool {
	grace := time.Duration(max(c.grace(), c.d.ProbeGrace))*time.Second + 3*Together
	after := func(at time.Time) bool {
		return !at.After(c.d.Time.Add(slack)) && c.d.Time.Sub(at) <= grace
	}
	return after(e.First) || after(e.Last) || (e.Count > 2 && e.First.Before(c.d.Time) && c.d.Time.Before(e.Last))
}

// restartedOnPurpose: an image was changed, a resize needs a restart, or a hook failed.
func restartedOnPurpose(c *inquest) bool {
	e := c.event("Killing", func(e *Event) bool {
		return e.says("will be restarted", "definition changed", "requires restart", "hook") && c.coversDeath(e)
	})
	if e == nil {
		return false
	}
	c.status()
	c.told(e)
	return c.noKill(ReasonExit, High, "the kubelet restarted it on purpose: %s", e.Message)
}

// statusInvented: the kubelet no longer found the container and wrote 137 itself.
func statusInvented(c *inquest) bool {
	if !c.d.Invented {
		return false
	}
	c.status()
	return c.noKill(ReasonForgedStatus, High, "the kubelet wrote the exit code itself (%s): no process had it", c.d.Trace)
}

// runtimeStopped: node or container runtime stopped under the container, which leaves Unknown 255. The status's time
// is when the runtime came back.
func runtimeStopped(c *inquest) bool {
	if c.d.Trace != "Unknown" && !(exitCode(&c.d) == 255 && c.rebooted() != nil) {
		return false
	}
	c.status()
	if e := c.rebooted(); e != nil {
		c.found(SourceNodeEvent, "%s at %s: %s", e.Reason, clock(e.Last), e.Message)
		return c.noKill(ReasonReboot, High, "the node was rebooted")
	}
	return c.noKill(ReasonReboot, Medium, "node or container runtime were restarted; the container's own end was not seen")
}

func (c *inquest) rebooted() *Event {
	for i := range c.nodeEvents {
		if e := &c.nodeEvents[i]; e.Reason == "Rebooted" && e.near(c.d.Time, 2*time.Minute) {
			return e
		}
	}
	return nil
}

func exitCode(d *Death) int32 {
	if d.ExitCode == nil {
		return -1
	}
	return *d.ExitCode
}

// stoppedForReboot: the node's init system stopped the container, and the node came back within minutes.
func stoppedForReboot(c *inquest) bool {
	code := exitCode(&c.d)
	if code != 137 && code != 143 {
		return false
	}
	for i := range c.nodeEvents {
		e := &c.nodeEvents[i]
		if after := e.First.Sub(c.d.Time); e.Reason == "Rebooted" && after > 0 && after <= 10*time.Minute && !c.d.Time.IsZero() {
			c.status()
			c.found(SourceNodeEvent, "%s at %s: %s", e.Reason, clock(e.First), e.Message)
			return c.noKill(ReasonReboot, Medium, "the node was rebooted")
		}
	}
	return false
}

// shimDied: exit code 255 and a sandbox that went too: the runtime's shim died, of what is not told.
func shimDied(c *inquest) bool {
	if exitCode(&c.d) != 255 || (!c.sandboxChanged() && c.killing() == nil) {
		return false
	}
	c.status()
	for _, reason := range []string{"Killing", "SandboxChanged"} {
		if e := c.event(reason, nil); e != nil {
			c.told(e)
		}
	}
	return c.noKill(ReasonUnknown, Medium, "the runtime's shim or sandbox of the pod ended under it (exit code 255)")
}

// exitedByItself: any exit code but that of SIGKILL.
func exitedByItself(c *inquest) bool {
	if killedBySignal(&c.d) {
		return false
	}
	c.status()
	if c.d.ExitCode == nil {
		return c.noKill(ReasonUnknown, Low, "it ended; the status has no exit code")
	}
	if *c.d.ExitCode == 143 {
		return c.noKill(ReasonExit, High, "it was asked to end, and ended on SIGTERM (exit code 143)")
	}
	return c.noKill(ReasonExit, High, "it ended by itself with exit code %d (%s)", *c.d.ExitCode, c.d.Trace)
}

// sidecarStopped: once the pod's containers are done, the kubelet ends its sidecars.
func sidecarStopped(c *inquest) bool {
	if c.d.Kind != facts.Sidecar || !c.v.MainDone || c.killing() == nil {
		return false
	}
	c.status()
	c.told(c.killing())
	return c.noKill(ReasonExit, High, "the kubelet ended the sidecar, since the pod's containers were done")
}

// killedByKernelUnmarked: exit code 137 without the word OOMKilled, which is lost where systemd removes the
// container's scope before the runtime looks. Only strong traces make it a kernel's kill: the kernel's own message, a
// SystemOOM, a limit that was reached, or a neighbour of the same seconds.
func killedByKernelUnmarked(c *inquest) bool {
	if c.kernel == nil && c.lone == nil && c.oomEventOfContainer() == nil && !c.strongScope() {
		return false
	}
	c.status()
	c.speaksAgainst(SourcePod, "the status says %s, not OOMKilled", c.d.Trace)
	c.byScope()
	if c.kernel == nil && c.record.Confidence == High {
		c.record.Confidence = Medium
	}
	return true
}

// oomEventOfContainer is an Event of a kubelet to come that names a container's OOM kill.
func (c *inquest) oomEventOfContainer() *Event {
	for i := range c.events {
		e := &c.events[i]
		mine := e.Container == "" || e.Container == c.d.Container
		if e.oomEvent() && mine && e.near(c.d.Time, Together) {
			return e
		}
	}
	return nil
}

// foreign: SIGKILL, and neither the kubelet nor a kernel's OOM kill left a trace.
func foreign(c *inquest) bool {
	c.status()
	if e := c.killing(); e != nil && !c.sandboxChanged() {
		c.told(e)
		return c.noKill(ReasonUnknown, Low, "the kubelet ended it (Event Killing), for a reason that nothing shows")
	}
	switch {
	case c.sandboxChanged():
		c.told(c.event("SandboxChanged", nil))
		if e := c.event("Killing", nil); e != nil {
			c.told(e)
		}
		return c.kill(CauseForeign, Medium, "another program killed the whole pod%s", c.suspect())
	case known(c.s.EventsSince, c.d.Time):
		c.found(SourceEvent, "no Event of the kubelet for this container around %s", clock(c.d.Time))
	}
	return c.kill(CauseForeign, Low, "SIGKILL from neither kubelet nor a traced OOM kill, a guess%s", c.suspect())
}

func (c *inquest) suspect() string {
	if c.s.Node.Talos {
		c.found(SourceNode, "Talos, whose OOM controller kills whole pods without a trace")
		return ": Talos' OOM controller, or kill -9"
	}
	return ": systemd-oomd, earlyoom, or kill -9"
}
