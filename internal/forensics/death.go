package forensics

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// maxDeaths that one object may show. A container shows at most two; no kubelet runs 64 containers in a pod.
const maxDeaths = 128

// Death is one death as one Pod object shows it, with all that the object says about it.
type Death struct {
	Key
	Victim *Victim             `json:"victim"`
	Kind   facts.ContainerKind `json:"kind,omitempty"`
	// Time it ended, by the node's clock; zero where the object does not say.
	Time time.Time `json:"time,omitzero"`
	// Started is when the container started; zero if unknown.
	Started time.Time `json:"started,omitzero"`
	// Trace is the reason of the container's status, or of the pod's where the pod ended as a whole.
	Trace    string `json:"trace,omitempty"`
	ExitCode *int32 `json:"exitCode,omitempty"`
	// Latest: the death is the container's current state, not one that a restart followed.
	Latest bool `json:"latest,omitempty"`
	// Invented: the kubelet lost the container and wrote status and exit code itself.
	Invented bool `json:"invented,omitempty"`
	// Terminating: an earlier state of the object had the container running and the deletion requested.
	Terminating bool `json:"terminating,omitempty"`
	// Limit is the container's memory limit in bytes, 0 if it has none.
	Limit int64 `json:"limit,omitempty"`
	// ProbeGrace in seconds, of the liveness or startup probe that has one of its own; 0 if none.
	ProbeGrace int64 `json:"probeGrace,omitempty"`
	// Missed counts earlier deaths of the container that the object no longer shows.
	Missed int32 `json:"missed,omitempty"`
}

// Victim is what a Pod object says about the pod as a whole.
type Victim struct {
	UID       string    `json:"uid"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Node      string    `json:"node,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	// Phase, StatusReason and StatusMessage as in the status.
	Phase         string `json:"phase,omitempty"`
	StatusReason  string `json:"statusReason,omitempty"`
	StatusMessage string `json:"statusMessage,omitempty"`
	// Disruption is the condition DisruptionTarget where that is True, else nil.
	Disruption *Disruption `json:"disruption,omitempty"`
	// DeletionAt is metadata.deletionTimestamp, by the API server's clock, zero without a deletion. DeletionGrace in
	// seconds is 0 in the object's last state, whatever was asked for.
	DeletionAt    time.Time `json:"deletionAt,omitzero"`
	DeletionGrace int64     `json:"deletionGrace,omitempty"`
	// Gone: the object is gone from the API server.
	Gone bool `json:"gone,omitempty"`
	// Ran: a container of the pod was started at some time. Running: one of them runs.
	Ran     bool `json:"ran,omitempty"`
	Running bool `json:"running,omitempty"`
	// MainDone: all regular containers ended, so the kubelet stops the sidecars.
	MainDone bool `json:"mainDone,omitempty"`
	// Grace is terminationGracePeriodSeconds.
	Grace int64 `json:"grace"`
	// Containers counts regular containers, init containers and sidecars.
	Containers int `json:"containers"`
	// Limit is the memory limit of the pod's cgroup in bytes, 0 if it has none. LimitSet: the spec sets it on the pod;
	// else it is the sum of the containers' limits.
	Limit    int64 `json:"limit,omitempty"`
	LimitSet bool  `json:"limitSet,omitempty"`
	// Tmpfs names the memory-backed volumes, at most 8.
	Tmpfs []string `json:"tmpfs,omitempty"`
}

// Disruption is a condition DisruptionTarget.
type Disruption struct {
	Reason  string    `json:"reason"`
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// Deaths returns the deaths that a Pod object shows, oldest first, and how many more it shows beyond the bound of
// 128. Containers of all kinds are looked at, each in its current and its last state. A pod that ended as a whole
// (evicted, rejected, preempted, deleted ...) has one death without a container; the statuses that the kubelet invented
// for its containers then count as no deaths. Gone says that the object is its last one, from a watch's
// tombstone. What ended well (exit 0 of an init container) is no death.
func Deaths(pod *corev1.Pod, gone bool) (deaths []Death, omitted int) {
	v := victim(pod, gone)
	x := reading{v: v, specs: specs(pod)}
	for i := range pod.Status.InitContainerStatuses {
		deaths = x.add(deaths, &pod.Status.InitContainerStatuses[i], facts.Init)
	}
	for i := range pod.Status.ContainerStatuses {
		deaths = x.add(deaths, &pod.Status.ContainerStatuses[i], facts.Regular)
	}
	for i := range pod.Status.EphemeralContainerStatuses {
		deaths = x.add(deaths, &pod.Status.EphemeralContainerStatuses[i], facts.Ephemeral)
	}
	if v.endedWhole(deaths) {
		deaths = append(slices.DeleteFunc(deaths, func(d Death) bool { return d.Invented }), wholePod(v, deaths))
	}
	slices.SortStableFunc(deaths, func(a, b Death) int { return a.Time.Compare(b.Time) })
	omitted = max(0, len(deaths)-maxDeaths)
	return deaths[omitted:], omitted
}

// endedWhole reports whether the pod ended as a whole: the kubelet said so, or the object is gone although a container
// still ran, or although nothing of an end was seen.
func (v *Victim) endedWhole(deaths []Death) bool {
	switch {
	case v.StatusReason != "" && (v.Phase == string(corev1.PodFailed) || v.Phase == string(corev1.PodSucceeded)):
		return true
	case v.Disruption != nil && v.Disruption.Reason == corev1.PodReasonTerminationByKubelet:
		return true
	}
	return v.Gone && (v.Running || len(deaths) == 0)
}

// wholePod is the death of the pod as a whole. It ended when the last of its containers did, where that is known.
func wholePod(v *Victim, deaths []Death) Death {
	d := Death{Key: Key{UID: v.UID}, Victim: v, Trace: v.StatusReason, Latest: true}
	for i := range deaths {
		if c := &deaths[i]; c.Latest && !c.Invented && c.Time.After(d.Time) {
			d.Time = c.Time
			d.ExitCode = c.ExitCode
		}
	}
	if v.Containers != 1 {
		d.ExitCode = nil
	}
	if d.Time.IsZero() && v.Disruption != nil {
		d.Time = v.Disruption.At
	}
	return d
}

// reading is what the deaths of one object have in common: the pod, and its containers by their names.
type reading struct {
	v     *Victim
	specs map[string]*corev1.Container
}

func specs(pod *corev1.Pod) map[string]*corev1.Container {
	out := make(map[string]*corev1.Container, len(pod.Spec.Containers)+len(pod.Spec.InitContainers))
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			out[list[i].Name] = &list[i]
		}
	}
	return out
}

// add adds what one container's status shows: its last state, then its current one.
func (x *reading) add(deaths []Death, s *corev1.ContainerStatus, kind facts.ContainerKind) []Death {
	shown := int32(0)
	first := len(deaths)
	for i, state := range []*corev1.ContainerStateTerminated{s.LastTerminationState.Terminated, s.State.Terminated} {
		if state == nil || endedWell(state, kind) {
			continue
		}
		d := x.death(s, state, kind)
		d.Latest = i == 1 || d.Invented
		if i == 1 && len(deaths) > first && deaths[len(deaths)-1].Key == d.Key {
			deaths = deaths[:len(deaths)-1] // both states tell the same death
		} else if !d.Invented {
			shown++
		}
		deaths = append(deaths, d)
	}
	if len(deaths) > first && !deaths[first].Invented {
		deaths[first].Missed = max(0, died(s)-shown)
	}
	return deaths
}

// died counts the deaths of a container by its restarts: all instances but a running one. A waiting container
// (CrashLoopBackOff) has its last instance's end in lastState, and the restart is not counted yet. What the kubelet
// invented, the restart too, counts for nothing.
func died(s *corev1.ContainerStatus) int32 {
	last := s.LastTerminationState.Terminated
	switch {
	case s.State.Terminated != nil && invented(s.State.Terminated), last != nil && invented(last):
		return 0
	case s.State.Terminated != nil, s.State.Waiting != nil && last != nil:
		return s.RestartCount + 1
	}
	return s.RestartCount
}

// endedWell: an init container that did its work is no death, unless one of its processes was OOM-killed.
func endedWell(t *corev1.ContainerStateTerminated, kind facts.ContainerKind) bool {
	return kind == facts.Init && t.ExitCode == 0 && !oomWord(t.Reason)
}

func (x *reading) death(s *corev1.ContainerStatus, t *corev1.ContainerStateTerminated, kind facts.ContainerKind) Death {
	code := t.ExitCode
	d := Death{
		Key:      Key{UID: x.v.UID, Container: cut(s.Name), ContainerID: cut(t.ContainerID)},
		Victim:   x.v,
		Kind:     kind,
		Time:     t.FinishedAt.Time,
		Started:  t.StartedAt.Time,
		Trace:    oneLine(t.Reason, maxText),
		ExitCode: &code,
		Invented: invented(t),
	}
	if d.Invented {
		d.ExitCode = nil
	}
	if c := x.specs[s.Name]; c != nil {
		d.fromSpec(c, s)
	}
	return d
}

// invented reports whether the kubelet wrote a status for a container that it no longer found (kubelet_pods.go,
// status/status_manager.go of v1.37.2): reason ContainerStatusUnknown or RestartingAllContainers, exit code 137.
func invented(t *corev1.ContainerStateTerminated) bool {
	return t.Reason == "ContainerStatusUnknown" || t.Reason == "RestartingAllContainers"
}

func (d *Death) fromSpec(c *corev1.Container, s *corev1.ContainerStatus) {
	if d.Kind == facts.Init && extract.IsSidecar(c) {
		d.Kind = facts.Sidecar
	}
	if d.Kind != facts.Ephemeral {
		d.Limit = limitOf(c, s)
	}
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.StartupProbe} {
		if p != nil && p.TerminationGracePeriodSeconds != nil {
			d.ProbeGrace = max(d.ProbeGrace, *p.TerminationGracePeriodSeconds)
		}
	}
}

// limitOf is the limit in force: status.resources says what an in-place resize reached.
func limitOf(c *corev1.Container, s *corev1.ContainerStatus) int64 {
	if s != nil && s.Resources != nil {
		if q, ok := s.Resources.Limits[corev1.ResourceMemory]; ok {
			return bounded(q.Value())
		}
	}
	return bounded(c.Resources.Limits.Memory().Value())
}

func bounded(bytes int64) int64 { return min(max(bytes, 0), facts.MaxBytes) }

func cut(name string) string {
	if len(name) > maxName {
		name = name[:maxName]
	}
	return oneLine(name, maxName)
}
