package forensics

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// maxKernelKills read from one text, the newest.
const maxKernelKills = 256

// KernelKill is one OOM kill as the kernel logged it (mm/oom_kill.c, dump_oom_summary and __oom_kill_process, v6.12).
type KernelKill struct {
	// At is when it was logged; zero where only the kernel's own clock is known.
	At time.Time `json:"at,omitzero"`
	// Global: no memory cgroup ran out, but the node, or the memory that Constraint leaves to the process.
	Global bool `json:"global,omitempty"`
	// Constraint without CONSTRAINT_: NONE, MEMCG, CPUSET or MEMORY_POLICY; empty if unknown.
	Constraint string `json:"constraint,omitempty"`
	// Scope is the memory cgroup that ran out, Task that of the victim.
	Scope Cgroup `json:"scope"`
	Task  Cgroup `json:"task"`
	// Process and PID of the victim.
	Process string `json:"process,omitempty"`
	PID     int    `json:"pid,omitempty"`
	// Anonymous memory of the victim in bytes, 0 if not told.
	Anonymous int64 `json:"anonymous,omitempty"`
	// Adj is the victim's oom_score_adj, nil if not told.
	Adj *int `json:"adj,omitempty"`
}

// Cgroup is a cgroup's place below kubepods, as both cgroup drivers name it.
type Cgroup struct {
	// Level of the cgroup; what stands below says which one.
	Level       CgroupLevel `json:"level,omitempty"`
	PodUID      string      `json:"podUID,omitempty"`
	ContainerID string      `json:"containerID,omitempty"` // without containerd://
}

// CgroupLevel is how deep a cgroup lies.
type CgroupLevel uint8

// The levels. Outside is no part of kubepods, Inside is a group that a container made for itself.
const (
	LevelUnknown CgroupLevel = iota
	LevelOutside
	LevelPods
	LevelPod
	LevelContainer
	LevelInside
)

var (
	oomKillLine = regexp.MustCompile(`oom-kill:constraint=CONSTRAINT_(\w+),(\S*)`)
	killedLine  = regexp.MustCompile(`Killed process (\d+) \((.{0,64}?)\)(.*)`)
	oomMemcg    = regexp.MustCompile(`oom_memcg=([^,\s]+)`)
	taskMemcg   = regexp.MustCompile(`task_memcg=([^,\s]+)`)
	taskOf      = regexp.MustCompile(`task=(.{0,64}?),pid=(\d+)`)
	anonRSS     = regexp.MustCompile(`anon-rss:(\d+)kB`)
	scoreAdj    = regexp.MustCompile(`oom_score_adj:(-?\d+)`)
	podCgroup   = regexp.MustCompile(`pod([0-9a-fA-F]{8}(?:[-_][0-9a-fA-F]{4}){3}[-_][0-9a-fA-F]{12}|[0-9a-f]{32})(?:\.slice)?(?:/(.*))?$`)
	containerIn = regexp.MustCompile(`^(?:[a-z-]+-)?([0-9a-f]{64})(?:\.scope)?(/.*)?$`)
)

// ParseKernel reads OOM kills from lines of the kernel's log, or from an Event of node-problem-detector that repeats
// one. Each oom-kill line is one kill. The line "Killed process" belongs to the oom-kill line before it (with
// memory.oom.group there are several, with the PIDs of threads); alone it is a kill too.
func ParseKernel(text string) []KernelKill {
	var kills []KernelKill
	open := false // an oom-kill line was the last beginning
	for line := range strings.Lines(text) {
		switch {
		case strings.Contains(line, "oom-kill:constraint="):
			if k, ok := summary(line); ok {
				kills, open = append(kills, k), true
			}
		case strings.Contains(line, "Killed process "):
			k, ok := killed(line)
			switch {
			case !ok:
			case open:
				kills[len(kills)-1].addDetail(&k)
			default:
				kills = append(kills, k)
			}
		case strings.Contains(line, "invoked oom-killer"):
			open = false
		}
	}
	return kills[max(0, len(kills)-maxKernelKills):]
}

func summary(line string) (k KernelKill, ok bool) {
	m := oomKillLine.FindStringSubmatch(line)
	if m == nil {
		return k, false
	}
	k.Constraint = m[1]
	k.Global = k.Constraint != "MEMCG"
	k.Scope.Level = LevelOutside
	if p := oomMemcg.FindStringSubmatch(m[2]); p != nil {
		k.Scope = parseCgroup(p[1])
	}
	if p := taskMemcg.FindStringSubmatch(m[2]); p != nil {
		k.Task = parseCgroup(p[1])
	}
	if p := taskOf.FindStringSubmatch(line); p != nil {
		k.Process = oneLine(p[1], maxText)
		k.PID, _ = strconv.Atoi(p[2]) // digits only; a PID beyond int is none
	}
	return k, true
}

func killed(line string) (k KernelKill, ok bool) {
	m := killedLine.FindStringSubmatch(line)
	if m == nil {
		return k, false
	}
	k.PID, _ = strconv.Atoi(m[1]) // digits only; a PID beyond int is none
	k.Process = oneLine(m[2], maxText)
	k.Global = strings.Contains(line, "Out of memory") && !strings.Contains(line, "cgroup out of memory")
	if p := anonRSS.FindStringSubmatch(m[3]); p != nil {
		if kib, err := strconv.ParseInt(p[1], 10, 42); err == nil {
			k.Anonymous = bounded(kib << 10)
		}
	}
	if p := scoreAdj.FindStringSubmatch(m[3]); p != nil {
		if adj, err := strconv.Atoi(p[1]); err == nil {
			k.Adj = &adj
		}
	}
	return k, true
}

func (k *KernelKill) addDetail(from *KernelKill) {
	if k.Adj == nil {
		k.Adj, k.Anonymous = from.Adj, from.Anonymous
	}
}

// parseCgroup reads /kubepods/burstable/podUID/ID (cgroupfs) and
// /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/cri-containerd-ID.scope (systemd).
func parseCgroup(path string) Cgroup {
	if !strings.Contains(path, "kubepods") {
		return Cgroup{Level: LevelOutside}
	}
	m := podCgroup.FindStringSubmatch(path)
	if m == nil {
		return Cgroup{Level: LevelPods}
	}
	g := Cgroup{Level: LevelPod, PodUID: strings.ReplaceAll(strings.ToLower(m[1]), "_", "-")}
	if m[2] == "" {
		return g
	}
	g.Level = LevelInside
	if c := containerIn.FindStringSubmatch(m[2]); c != nil {
		g.ContainerID = c[1]
		if c[2] == "" {
			g.Level = LevelContainer
		}
	}
	return g
}

// kernelKill finds the kernel's message of this death: one that names its container, else, by node-problem-detector,
// one of the same seconds with the oom_score_adj that only this container should have had.
func (c *inquest) kernelKill() *KernelKill {
	id := facts.BareID(c.d.ContainerID)
	if id == "" {
		return nil
	}
	for i := range c.s.Kernel {
		if k := &c.s.Kernel[i]; k.Task.ContainerID == id && c.at(k) {
			return k
		}
	}
	return c.retold(func(k *KernelKill) bool { return k.Task.ContainerID == id })
}

// retold finds a kernel's message that node-problem-detector told again within the same seconds.
func (c *inquest) retold(wanted func(*KernelKill) bool) *KernelKill {
	for i := range c.nodeEvents {
		e := &c.nodeEvents[i]
		if !e.oomEvent() || e.Reason == "SystemOOM" || !e.near(c.d.Time, Together) {
			continue
		}
		for _, k := range ParseKernel(e.Message) {
			if wanted(&k) {
				return &k
			}
		}
	}
	return nil
}

// loneKill finds a kernel's message that names no container: of node-problem-detector, in the same seconds, with the
// oom_score_adj that the container should have had. Its first words still tell whether a cgroup ran out or the node.
func (c *inquest) loneKill() *KernelKill {
	if c.s.Adj == nil || c.kernel != nil {
		return nil
	}
	return c.retold(func(k *KernelKill) bool { return k.Task.Level == LevelUnknown && k.Adj != nil && *k.Adj == *c.s.Adj })
}

// at reports whether the kernel's kill may be this death by its time. A container may lose a process long before.
func (c *inquest) at(k *KernelKill) bool {
	return k.At.IsZero() || c.d.Time.IsZero() || within(k.At, c.d.Time, Together)
}

// byKernel judges by the cgroup that the kernel said ran out.
func (c *inquest) byKernel() bool {
	k := c.kernel
	c.found(SourceKernel, "oom-kill of %s (pid %d), %s", k.Process, k.PID, k.where())
	sole := c.v.Containers == 1 && c.d.Kind != facts.Ephemeral
	switch {
	case k.Global && k.Constraint != "NONE":
		return c.kill(CauseNodeOOM, Medium, "memory ran out within a cpuset or memory policy, not on the whole node (kernel log)")
	case k.Global:
		return c.kill(CauseNodeOOM, High, "the node ran out of memory (kernel log)")
	case k.Scope.Level == LevelContainer, k.Scope.Level == LevelPod && sole && c.d.Limit > 0:
		c.reachedLimit(CauseContainerLimit, c.d.Limit)
		return c.kill(CauseContainerLimit, High, "the container reached its own memory limit of %s (kernel log)", mib(c.d.Limit))
	case k.Scope.Level == LevelPod:
		c.reachedLimit(CausePodLimit, c.v.Limit)
		return c.kill(CausePodLimit, High, "the pod reached its memory limit of %s (kernel log)", mib(c.v.Limit))
	case k.Scope.Level == LevelPods:
		return c.kill(CausePodsOOM, High, "all pods together reached the limit of kubepods (kernel log)")
	case k.Scope.Level == LevelInside:
		return c.kill(CauseProcessOOM, High, "a memory limit that the container set for its own processes was reached (kernel log)")
	}
	return c.kill(CauseUnknown, Low, "OOM-killed in a cgroup outside of kubepods (kernel log)")
}

func (k *KernelKill) where() string {
	if k.Global {
		return "constraint " + k.Constraint
	}
	return [...]string{
		"scope unknown", "a cgroup outside of kubepods", "kubepods ran out", "the pod's cgroup ran out",
		"the container's cgroup ran out", "a cgroup inside the container ran out",
	}[k.Scope.Level]
}
