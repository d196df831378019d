package forensics

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/internal/facts"
)

var t0 = time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)

// at is a time so many seconds after the death of the cases below.
func at(seconds int) metav1.Time {
	return metav1.Time{Time: t0.Add(time.Duration(seconds) * time.Second)}
}

// victimPod builds the pod of a case: shop/app-0 on node n1 with a container main that ran for an hour.
func victimPod(edit ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app-0", UID: "u-0", CreationTimestamp: at(-3600)},
		Spec:       corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "main"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "main"}}},
	}
	for _, e := range edit {
		e(p)
	}
	return p
}

func ended(reason string, code int32) corev1.ContainerStateTerminated {
	return corev1.ContainerStateTerminated{
		Reason: reason, ExitCode: code, StartedAt: at(-3500), FinishedAt: at(0), ContainerID: "containerd://" + strings.Repeat("a", 64),
	}
}

func state(reason string, code int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		t := ended(reason, code)
		p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &t}
		p.Status.ContainerStatuses[0].ContainerID = t.ContainerID
	}
}

func lastState(reason string, code int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		t := ended(reason, code)
		p.Status.ContainerStatuses[0] = corev1.ContainerStatus{
			Name: "main", RestartCount: 1, LastTerminationState: corev1.ContainerState{Terminated: &t},
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(10)}},
		}
	}
}

func limited(memory string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}
	}
}

func phase(phase corev1.PodPhase, reason, message string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason, p.Status.Message = phase, reason, message }
}

func target(reason, message string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastTransitionTime: at(2),
		}}
	}
}

// deletedAt is a deletion asked for so many seconds after the death, with 30 s of grace.
func deletedAt(seconds int) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		when, grace := at(seconds+30), int64(30)
		p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &when, &grace
	}
}

func unscheduled(p *corev1.Pod) { p.Status.ContainerStatuses = nil }

// podEvent and nodeEvent happened so many seconds after the death.
func podEvent(reason, message string, seconds int) Event {
	return Event{
		Reason: reason, Message: message, Kind: "Pod", Namespace: "shop", Name: "app-0", UID: "u-0", Reporter: "kubelet", Host: "n1",
		First: at(seconds).Time, Last: at(seconds).Time, Count: 1,
	}
}

func ofMain(e Event) Event {
	e.Container = "main"
	return e
}

func nodeEvent(reason, message string, seconds int) Event {
	return Event{
		Reason: reason, Message: message, Kind: "Node", Name: "n1", Reporter: "kubelet", Host: "n1", Warning: true,
		First: at(seconds).Time, Last: at(seconds).Time, Count: 1,
	}
}

// neighbour is another pod's container that was OOM-killed so many seconds after the death.
func neighbour(name string, limit int64, seconds int) Death {
	code := int32(137)
	return Death{
		Key:    Key{UID: "u-" + name, Container: "main", ContainerID: "containerd://" + name},
		Victim: &Victim{UID: "u-" + name, Namespace: "shop", Name: name, Node: "n1", Limit: limit, Containers: 1},
		Trace:  "OOMKilled", ExitCode: &code, Limit: limit, Time: at(seconds).Time,
	}
}

// n1 is a node of 16Gi with 2Gi reserved; its kubelet uses cgroup v2.
func n1() Node {
	return Node{Name: "n1", Capacity: 16 << 30, Allocatable: 14<<30 - 100<<20, CgroupV1: facts.StateFalse}
}

func configured(hard, soft string, reserved int64) *facts.KubeletConfig {
	c := &facts.KubeletConfig{SystemReserved: reserved, PodsEnforced: true}
	c.EvictionHard = facts.Threshold{Set: true, Bytes: amount(hard)}
	if soft != "" {
		c.EvictionSoft = facts.Threshold{Set: true, Bytes: amount(soft)}
	}
	return c
}

const (
	lowMemory  = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. "
	systemKill = "System OOM encountered, victim process: java, pid: 4711"
	memcgKill  = "Memory cgroup out of memory: Killed process 4711 (java) total-vm:9000kB, anon-rss:8000kB, file-rss:0kB, " +
		"shmem-rss:0kB, UID:0 pgtables:200kB oom_score_adj:968"
	globalKill = "Out of memory: Killed process 4711 (java) total-vm:9000kB, anon-rss:8000kB, file-rss:0kB, shmem-rss:0kB, " +
		"UID:0 pgtables:200kB oom_score_adj:968"
	probeKill = "Container main failed liveness probe, will be restarted"
	shutdown  = "Pod was terminated in response to imminent node shutdown."
)

// row is one row of the table of traces, or a variant of one.
type row struct {
	pod    *corev1.Pod
	gone   bool
	around Surroundings
	want   []string
	// wantMessage and wantEvidence are parts of the first record's.
	wantMessage, wantEvidence string
}

func around(edit func(*Surroundings)) Surroundings {
	s := Surroundings{Node: n1(), EventsSince: at(-3600).Time}
	if edit != nil {
		edit(&s)
	}
	return s
}

func events(list ...Event) Surroundings {
	return around(func(s *Surroundings) { s.PodEvents, s.NodeEvents = list, list })
}

func read(edit func(*Readings)) Surroundings {
	return around(func(s *Surroundings) {
		r := NoReadings
		r.At = at(-20).Time
		edit(&r)
		s.Readings = &r
	})
}

func checkRows(t *testing.T, rows map[string]row) {
	t.Helper()
	for name, c := range rows {
		t.Run(name, func(t *testing.T) {
			got, _ := Judge(c.pod, c.gone, c.around)
			if diff := cmp.Diff(c.want, lines(got)); diff != "" {
				t.Fatalf("deaths (-want +got):\n%s", diff)
			}
			if len(got) == 0 {
				return
			}
			if !strings.Contains(got[0].Message, c.wantMessage) {
				t.Errorf("message %q lacks %q", got[0].Message, c.wantMessage)
			}
			var all []string
			for _, e := range got[0].Evidence {
				all = append(all, e.Source+": "+e.Text)
			}
			if !strings.Contains(strings.Join(all, "\n"), c.wantEvidence) {
				t.Errorf("evidence lacks %q:\n%s", c.wantEvidence, strings.Join(all, "\n"))
			}
		})
	}
}

func TestEvictionRows(t *testing.T) {
	evicted := func(message string) *corev1.Pod {
		return victimPod(state("Error", 137), phase(corev1.PodFailed, "Evicted", message), target("TerminationByKubelet", message))
	}
	storage := func(message string) *corev1.Pod {
		return victimPod(state("Error", 137), phase(corev1.PodFailed, "Evicted", message))
	}
	checkRows(t, map[string]row{
		"eviction: pod-level requests name the pod": {
			pod:  evicted(lowMemory + "Pod app-0 was using 900Mi, request is 500Mi, has larger consumption of memory. "),
			want: []string{"app-0 Eviction High"}, wantMessage: "threshold 100Mi, available 90Mi",
		},
		"eviction: the Event comes first, the status is not written yet": {
			pod: victimPod(state("Error", 137)), around: events(podEvent("Evicted", lowMemory, -1)),
			want: []string{"app-0 Eviction Medium"},
		},
		"eviction: only the status is left after the Events' hour": {
			pod:  victimPod(phase(corev1.PodFailed, "Evicted", lowMemory), unscheduled),
			want: []string{"app-0 Eviction Medium"},
		},
		"eviction: slow to end": {
			pod: evicted(lowMemory), around: events(podEvent("ExceededGracePeriod", "Container runtime did not kill the pod within specified grace period.", 3)),
			want: []string{"app-0 Eviction High"}, wantEvidence: "ExceededGracePeriod",
		},
		"eviction: an OOM kill of one container before stays its own": {
			pod:  victimPod(state("OOMKilled", 137), phase(corev1.PodFailed, "Evicted", lowMemory), target("TerminationByKubelet", lowMemory)),
			want: []string{"app-0 Eviction High", "app-0/main PodsOOM Low"}, around: Surroundings{Node: n1()},
		},
		"eviction: hard by the configuration": {
			pod: evicted(lowMemory), want: []string{"app-0 Eviction High"}, wantMessage: "hard threshold 100Mi",
			around: around(func(s *Surroundings) {
				s.Node.Config = configured("100Mi", "500Mi", 0)
				s.Node.Config.PodsEnforced = false
			}),
		},
		"eviction: soft by the configuration": {
			pod: evicted(lowMemory), want: []string{"app-0 Eviction High"}, wantMessage: "soft threshold 100Mi",
			around: around(func(s *Surroundings) { s.Node.Config = configured("50Mi", "100Mi", 0) }),
		},
		"eviction: one quantity for two signals, the allocatable one was short": {
			pod: evicted(lowMemory), want: []string{"app-0 Eviction High"}, wantEvidence: "hard one of allocatableMemory.available",
			around: around(func(s *Surroundings) {
				s.Node.Config = configured("100Mi", "", 2<<30)
				s.Readings = &Readings{At: at(-5).Time, Available: 2 << 30, Pods: 14<<30 - 80<<20, Node: 14 << 30}
			}),
		},
		"eviction: one quantity for two signals, and no reading": {
			pod: evicted(lowMemory), want: []string{"app-0 Eviction High"}, wantEvidence: "memory.available or allocatableMemory.available",
			around: around(func(s *Surroundings) { s.Node.Config = configured("100Mi", "", 2<<30) }),
		},
		"eviction: process IDs": {
			pod:  evicted("The node was low on resource: pids. Threshold quantity: 1k, available: 900. "),
			want: []string{"app-0 no kill: PIDEviction"},
		},
		"eviction: inodes": {
			pod:  evicted("The node was low on resource: inodes. "),
			want: []string{"app-0 no kill: DiskEviction"},
		},
		"eviction: emptyDir limit": {
			pod: storage(`Usage of EmptyDir volume "d" exceeds the limit "20Mi". `), want: []string{"app-0 no kill: DiskEviction"},
		},
		"eviction: a container's ephemeral-storage limit": {
			pod: storage(`Container main exceeded its local ephemeral storage limit "20Mi". `), want: []string{"app-0 no kill: DiskEviction"},
		},
		"eviction: words of a kubelet to come": {
			pod:  victimPod(state("Error", 137), phase(corev1.PodFailed, "EvictedByMemoryEvents", "memory events of container main")),
			want: []string{"app-0 Eviction Low"},
		},
		"eviction: another pod's Event of the same name": {
			pod: victimPod(state("Error", 1)), want: []string{"app-0/main no kill: Exit"},
			around: events(func() Event { e := podEvent("Evicted", lowMemory, -1); e.UID = "u-old"; return e }()),
		},
	})
}

func TestNoKillRows(t *testing.T) {
	byKubelet := "TerminationByKubelet"
	checkRows(t, map[string]row{
		"rejected: MemoryPressure, by an older kubelet": {
			pod:  victimPod(unscheduled, phase(corev1.PodFailed, "Evicted", "Pod The node had condition: [MemoryPressure]. ")),
			want: []string{"app-0 no kill: Rejected"},
		},
		"rejected: no room for its CPU": {
			pod:  victimPod(unscheduled, phase(corev1.PodFailed, "OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu")),
			want: []string{"app-0 no kill: Rejected"},
		},
		"rejected: no room for its memory": {
			pod:  victimPod(unscheduled, phase(corev1.PodFailed, "OutOfmemory", "Pod was rejected: Node didn't have enough resource: memory")),
			want: []string{"app-0 no kill: OutOfmemory"},
		},
		"rejected: the node is shutting down": {
			pod:  victimPod(unscheduled, phase(corev1.PodFailed, "NodeShutdown", "Pod was rejected: Pod was rejected as the node is shutting down.")),
			want: []string{"app-0 no kill: Rejected"},
		},
		"rejected: by a reason to come": {
			pod:  victimPod(unscheduled, phase(corev1.PodFailed, "NewAdmissionCheck", "this node does not want it")),
			want: []string{"app-0 no kill: Rejected"},
		},
		"scheduler preemption: condition": {
			pod:  victimPod(state("Error", 137), deletedAt(-40), target("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod")),
			gone: true, want: []string{"app-0 no kill: Preempted"},
		},
		"scheduler preemption: Event": {
			pod: victimPod(state("Error", 143), deletedAt(-2)), gone: true, want: []string{"app-0 no kill: Preempted"},
			around: events(podEvent("Preempted", "Preempted by pod 1234 on node n1", -2), ofMain(podEvent("Killing", "Stopping container main", -2))),
		},
		"eviction API: with its deletion": {
			pod:    victimPod(state("Error", 143), deletedAt(-2), target("EvictionByEvictionAPI", "Eviction API: evicting")),
			around: events(ofMain(podEvent("Killing", "Stopping container main", -1))), want: []string{"app-0 no kill: Drained"},
		},
		"eviction API: without a deletion, the container fails by itself": {
			pod: victimPod(lastState("Error", 1), target("EvictionByEvictionAPI", "Eviction API: evicting")), want: []string{"app-0/main no kill: Exit"},
		},
		"taint: condition": {
			pod:    victimPod(state("Error", 143), deletedAt(-2), target("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")),
			around: events(ofMain(podEvent("Killing", "Stopping container main", -1))), want: []string{"app-0 no kill: Tainted"},
		},
		"taint: Event": {
			pod: victimPod(state("Error", 143), deletedAt(-2)), want: []string{"app-0 no kill: Tainted"},
			around: events(podEvent("TaintManagerEviction", "Marking for deletion Pod shop/app-0", -3), ofMain(podEvent("Killing", "Stopping container main", -1))),
		},
		"taint: cancelled, and deleted by somebody": {
			pod: victimPod(state("Error", 143), deletedAt(-2)), want: []string{"app-0 no kill: Exit"},
			around: events(podEvent("TaintManagerEviction", "Cancelling deletion of Pod shop/app-0", -300), ofMain(podEvent("Killing", "Stopping container main", -1))),
		},
		"kubelet preemption: Succeeded": {
			pod:  victimPod(state("Completed", 0), phase(corev1.PodSucceeded, "", ""), target(byKubelet, "Pod was preempted by Kubelet to accommodate a critical pod.")),
			want: []string{"app-0 no kill: Preempted"},
		},
		"node shutdown: Failed": {
			pod:  victimPod(state("Error", 137), phase(corev1.PodFailed, "Terminated", shutdown), target(byKubelet, shutdown)),
			want: []string{"app-0 no kill: Shutdown"},
		},
		"node shutdown: Succeeded": {
			pod: victimPod(state("Completed", 0), phase(corev1.PodSucceeded, "", ""), target(byKubelet, shutdown)), want: []string{"app-0 no kill: Shutdown"},
		},
		"node gone": {
			pod: victimPod(deletedAt(0), phase(corev1.PodFailed, "", ""), target("DeletionByPodGC", "PodGC: node no longer exists"),
				func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State.Running = &corev1.ContainerStateRunning{} }),
			gone: true, want: []string{"app-0 no kill: NodeGone"},
		},
		"liveness probe: 137 after its grace": {
			pod: victimPod(lastState("Error", 137)), want: []string{"app-0/main no kill: Probe"},
			around: events(ofMain(podEvent("Unhealthy", "Liveness probe failed: ", -31)), ofMain(podEvent("Killing", probeKill, -30))),
		},
		"startup probe": {
			pod: victimPod(lastState("Error", 143)), want: []string{"app-0/main no kill: Probe"},
			around: events(ofMain(podEvent("Killing", "Container main failed startup probe, will be restarted", -1))),
		},
		"liveness probe: a probe of yesterday explains nothing": {
			pod: victimPod(lastState("Error", 1)), want: []string{"app-0/main no kill: Exit"},
			around: events(ofMain(podEvent("Killing", probeKill, -3000))),
		},
		"forged: ContainerStatusUnknown": {
			pod: victimPod(lastState("ContainerStatusUnknown", 137)), want: []string{"app-0/main no kill: ForgedStatus"},
		},
		"forged: RestartingAllContainers": {
			pod: victimPod(lastState("RestartingAllContainers", 137)), want: []string{"app-0/main no kill: ForgedStatus"},
		},
		"runtime restarted: Unknown 255": {
			pod: victimPod(lastState("Unknown", 255)), want: []string{"app-0/main no kill: Reboot"}, wantMessage: "container runtime",
		},
		"reboot: stopped with SIGKILL by the init system": {
			pod: victimPod(lastState("Error", 137)), want: []string{"app-0/main no kill: Reboot"},
			around: events(nodeEvent("Rebooted", "Node n1 has been rebooted, boot id: 1", 90)),
		},
		"a program's own 255": {
			pod: victimPod(lastState("Error", 255)), around: events(podEvent("Pulled", "", 1)), want: []string{"app-0/main no kill: Exit"},
		},
		"deadline": {
			pod:  victimPod(state("Error", 137), phase(corev1.PodFailed, "DeadlineExceeded", "Pod was active on the node longer than the specified deadline")),
			want: []string{"app-0 no kill: Exit"}, wantMessage: "deadline",
		},
		"image changed": {
			pod: victimPod(lastState("Error", 137)), want: []string{"app-0/main no kill: Exit"},
			around: events(ofMain(podEvent("Killing", "Container main definition changed, will be restarted", -30))),
		},
		"sidecar: stopped after the pod's work": {
			pod: victimPod(state("Completed", 0), phase(corev1.PodSucceeded, "", ""), func(p *corev1.Pod) {
				always, s := corev1.ContainerRestartPolicyAlways, ended("Error", 137)
				s.FinishedAt = at(1)
				p.Spec.InitContainers = []corev1.Container{{Name: "log", RestartPolicy: &always}}
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "log", State: corev1.ContainerState{Terminated: &s}}}
			}),
			around: events(func() Event { e := podEvent("Killing", "Stopping container log", -29); e.Container = "log"; return e }()),
			want:   []string{"app-0/main no kill: Exit", "app-0/log no kill: Exit"},
		},
		"init container: done": {
			pod: victimPod(func(p *corev1.Pod) {
				s := ended("Completed", 0)
				p.Spec.InitContainers = []corev1.Container{{Name: "setup"}}
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "setup", State: corev1.ContainerState{Terminated: &s}}}
			}),
		},
		"deleted: a tombstone is all there is": {
			pod: victimPod(state("Error", 137), deletedAt(-32), phase(corev1.PodFailed, "", "")), gone: true, around: Surroundings{},
			want: []string{"app-0 no kill: Exit"}, wantMessage: "grace period",
		},
		"deleted: the container had failed long before": {
			pod: victimPod(state("Error", 1), deletedAt(600)), gone: true, around: events(), want: []string{"app-0/main no kill: Exit"},
		},
		"killed by the kubelet for a reason that nothing shows": {
			pod: victimPod(lastState("Error", 137)), want: []string{"app-0/main no kill: Unknown"},
			around: events(ofMain(podEvent("Killing", "Stopping container main", -30))),
		},
	})
}

func TestKernelRows(t *testing.T) {
	adj := 968
	checkRows(t, map[string]row{
		"own limit: reached by the last reading": {
			pod: victimPod(lastState("OOMKilled", 137), limited("1Gi")), around: read(func(r *Readings) { r.Container = 1 << 30 }),
			want: []string{"app-0/main ContainerLimit High"}, wantEvidence: "used 1024Mi of 1024Mi",
		},
		"own limit: far from it by the last reading": {
			pod: victimPod(lastState("OOMKilled", 137), limited("1Gi")), around: read(func(r *Readings) { r.Container = 100 << 20 }),
			want: []string{"app-0/main ContainerLimit Low"}, wantEvidence: "used 100Mi of 1024Mi", wantMessage: "a guess",
		},
		"own limit: at it with page cache, which the kernel would drop": {
			pod: victimPod(lastState("OOMKilled", 137), limited("1Gi")), want: []string{"app-0/main ContainerLimit Medium"},
			around: read(func(r *Readings) { r.Container, r.RSS = 1<<30, 100<<20 }),
		},
		"own limit: nothing else is known": {
			pod: victimPod(lastState("OOMKilled", 137), limited("1Gi")), around: Surroundings{Node: n1()},
			want: []string{"app-0/main ContainerLimit Medium"}, wantMessage: "most likely", wantEvidence: "no reading",
		},
		"own limit: lost by the runtime, but reached by the last reading": {
			pod: victimPod(lastState("Error", 137), limited("1Gi")), around: read(func(r *Readings) { r.Container = 1020 << 20 }),
			want: []string{"app-0/main ContainerLimit Medium"}, wantEvidence: "not OOMKilled",
		},
		"one process: the container lives on": {pod: victimPod(func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State.Running = &corev1.ContainerStateRunning{}
		})},
		"init container: OOMKilled although it exits 0": {
			pod: victimPod(func(p *corev1.Pod) {
				s := ended("OOMKilled", 0)
				p.Spec.InitContainers = []corev1.Container{{Name: "setup"}}
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "setup", State: corev1.ContainerState{Terminated: &s}}}
			}),
			around: around(nil), want: []string{"app-0/setup ProcessOOM High"},
		},
		"kubepods: neighbours without a limit in the same seconds": {
			pod: victimPod(lastState("OOMKilled", 137)), want: []string{"app-0/main PodsOOM Medium"},
			around: around(func(s *Surroundings) { s.Neighbours = []Death{neighbour("b", 0, 3), neighbour("c", 0, -4)} }),
		},
		"kubepods: at its limit by the last reading": {
			pod: victimPod(lastState("OOMKilled", 137)), want: []string{"app-0/main PodsOOM High"},
			around: read(func(r *Readings) { r.Pods = 14 << 30 }),
		},
		"kubepods: a victim with a limit that it had not reached": {
			pod: victimPod(lastState("OOMKilled", 137), limited("8Gi")), want: []string{"app-0/main PodsOOM High"},
			around: read(func(r *Readings) { r.Pods, r.Container = 14<<30, 1<<30 }),
		},
		"kubepods: node-problem-detector saw a cgroup run out": {
			pod: victimPod(lastState("OOMKilled", 137)), want: []string{"app-0/main PodsOOM Medium"},
			around: around(func(s *Surroundings) { s.NodeEvents, s.Adj = []Event{nodeEvent("OOMKilling", memcgKill, 1)}, &adj }),
		},
		"node: SystemOOM": {
			pod: victimPod(lastState("OOMKilled", 137)), around: events(nodeEvent("SystemOOM", systemKill, 1)),
			want: []string{"app-0/main NodeOOM Medium"}, wantMessage: "SystemOOM in the same seconds",
		},
		"node: SystemOOM, and the node was full by the last reading": {
			pod: victimPod(lastState("OOMKilled", 137)), want: []string{"app-0/main NodeOOM High"},
			around: around(func(s *Surroundings) {
				r := NoReadings
				r.At, r.Node = at(-10).Time, 16<<30-100<<20
				s.Readings, s.NodeEvents = &r, []Event{nodeEvent("SystemOOM", systemKill, 1)}
			}),
		},
		"node: SystemOOM, but plenty was free: a cpuset or memory policy": {
			pod: victimPod(lastState("OOMKilled", 137)), want: []string{"app-0/main NodeOOM Low"}, wantEvidence: "not the node",
			around: around(func(s *Surroundings) {
				r := NoReadings
				r.At, r.Node, r.Available = at(-10).Time, 6<<30, 10<<30
				s.Readings, s.NodeEvents = &r, []Event{nodeEvent("SystemOOM", systemKill, 1)}
			}),
		},
		"node: Error 137 beside a SystemOOM": {
			pod: victimPod(lastState("Error", 137)), around: events(nodeEvent("SystemOOM", systemKill, 1)),
			want: []string{"app-0/main NodeOOM Medium"}, wantEvidence: "not OOMKilled",
		},
		"node: a SystemOOM of another hour": {
			pod: victimPod(lastState("Error", 137)), around: events(nodeEvent("SystemOOM", systemKill, -1800)),
			want: []string{"app-0/main Foreign Low"},
		},
		"node: node-problem-detector's message has the container's oom_score_adj": {
			pod: victimPod(lastState("Error", 137)), want: []string{"app-0/main NodeOOM Medium"},
			around: around(func(s *Surroundings) { s.NodeEvents, s.Adj = []Event{nodeEvent("OOMKilling", globalKill, 1)}, &adj }),
		},
		"kernel: a cpuset ran out, not the node": {
			pod: victimPod(lastState("OOMKilled", 137)), want: []string{"app-0/main NodeOOM Medium"}, wantMessage: "not on the whole node",
			around: around(func(s *Surroundings) { s.Kernel = kernelLog("CPUSET", "global_oom,") }),
		},
		"kernel: systemd's names of cgroups, the container's": {
			pod: victimPod(lastState("OOMKilled", 137), limited("1Gi")), want: []string{"app-0/main ContainerLimit High"},
			around: around(func(s *Surroundings) { s.Kernel = kernelLog("MEMCG", "oom_memcg="+systemdCgroup+",") }),
		},
		"kernel: a group inside the container": {
			pod: victimPod(lastState("OOMKilled", 137)), want: []string{"app-0/main ProcessOOM High"},
			around: around(func(s *Surroundings) { s.Kernel = kernelLog("MEMCG", "oom_memcg="+systemdCgroup+"/workers,") }),
		},
		"pod-level limit: below the container's own": {
			pod: victimPod(lastState("OOMKilled", 137), limited("2Gi"), func(p *corev1.Pod) {
				p.Spec.Resources = &corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}}
				p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "second"})
			}),
			around: around(nil), want: []string{"app-0/main PodLimit Medium"},
		},
		"cgroup v1: OOMKilled 1 without another kill around": {
			pod: victimPod(lastState("OOMKilled", 1)), want: []string{"app-0/main ProcessOOM Low"},
			around: around(func(s *Surroundings) { s.Node.CgroupV1 = facts.StateTrue }),
		},
		"cgroup v1: OOMKilled 1 beside a neighbour's kill": {
			pod: victimPod(lastState("OOMKilled", 1)), want: []string{"app-0/main no kill: Exit"},
			around: around(func(s *Surroundings) {
				s.Node.CgroupV1, s.Neighbours = facts.StateTrue, []Death{neighbour("b", 0, -300)}
			}),
		},
		"cgroup v1: the kubelet's own SIGKILL, marked by a neighbour's kill": {
			pod: victimPod(state("OOMKilled", 137), deletedAt(-31)), want: []string{"app-0 no kill: Exit"},
			around: around(func(s *Surroundings) {
				s.Node.CgroupV1, s.Neighbours = facts.StateTrue, []Death{neighbour("b", 0, -300)}
				s.PodEvents = []Event{ofMain(podEvent("Killing", "Stopping container main", -31))}
			}),
		},
		"kubepods: ten seconds before, pods used little, and nothing else is possible": {
			pod: victimPod(lastState("OOMKilled", 137)), want: []string{"app-0/main PodsOOM Medium"},
			around: around(func(s *Surroundings) {
				r := NoReadings
				r.At, r.Pods, r.Node = at(-10).Time, 4<<30, 5<<30
				s.Readings, s.Node.Config = &r, configured("100Mi", "", 2<<30)
			}),
		},
		"deletion: killed by the kernel within the grace period": {
			pod: victimPod(state("OOMKilled", 137), limited("1Gi"), deletedAt(-5)), want: []string{"app-0/main ContainerLimit Medium"},
			around: events(ofMain(podEvent("Killing", "Stopping container main", -5))),
		},
		"probe: OOMKilled 137 after the grace period, but a kill takes the whole container": {
			pod: victimPod(lastState("OOMKilled", 137), limited("1Gi")), want: []string{"app-0/main ContainerLimit Medium"},
			around: around(func(s *Surroundings) {
				s.PodEvents = []Event{ofMain(podEvent("Killing", probeKill, -31))}
				s.Node.Config = &facts.KubeletConfig{OOMKills: facts.OOMUnitContainer}
			}),
		},
		"unlimited, nothing reserved, Events known": {
			pod: victimPod(lastState("OOMKilled", 137)), want: []string{"app-0/main Unknown Low"},
			around: around(func(s *Surroundings) { s.Node.Allocatable = s.Node.Capacity }),
		},
		"a runtime's word to come": {
			pod: victimPod(lastState("ContainerOOMKilled", 137), limited("1Gi")), around: around(nil), want: []string{"app-0/main ContainerLimit Medium"},
		},
		"an Event of a kubelet to come makes Error 137 an OOM kill": {
			pod: victimPod(lastState("Error", 137), limited("1Gi")), want: []string{"app-0/main ContainerLimit Medium"},
			around: events(ofMain(podEvent("ContainerOOMKilled", "Container main was killed: out of memory", 1))),
		},
		"our own Event is no evidence": {
			pod: victimPod(lastState("Error", 137), limited("1Gi")), want: []string{"app-0/main Foreign Low"},
			around: events(func() Event {
				e := podEvent("PodKilled", "killed: out of memory, OOM", 1)
				e.Warning, e.Reporter = true, "killorder.io/controller"
				return e
			}()),
		},
		"Talos: the whole pod at once": {
			pod: victimPod(lastState("Error", 137)), want: []string{"app-0/main Foreign Medium"}, wantMessage: "Talos",
			around: around(func(s *Surroundings) {
				s.Node.Talos = true
				s.PodEvents = []Event{podEvent("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.", 2), ofMain(podEvent("Killing", "Stopping container main", 2))}
			}),
		},
		"earlier deaths that nobody saw": {
			pod:    victimPod(lastState("OOMKilled", 137), limited("1Gi"), func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 7 }),
			around: around(nil), want: []string{"app-0/main ContainerLimit Medium"}, wantEvidence: "6 earlier deaths",
		},
	})
}

const systemdCgroup = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2bba4e43_2b09_430d_9c21_3d5a70ae94da.slice/cri-containerd-" +
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.scope"

func kernelLog(constraint, scope string) []KernelKill {
	return ParseKernel("[ 1.0] oom-kill:constraint=CONSTRAINT_" + constraint + ",nodemask=(null),cpuset=x,mems_allowed=0," + scope +
		"task_memcg=" + systemdCgroup + ",task=java,pid=4711,uid=0")
}

func TestAmount(t *testing.T) {
	for text, want := range map[string]int64{
		"100Mi": 100 << 20, "9852Ki": 9852 << 10, "1073741824": 1 << 30, "0": 0, "1.5Gi": 3 << 29, "1k": 1000, "900": 900,
		"1e999999999": 0, "1E5": 0, "": 0, "Mi": 0, "-5": 0, "1Mi5": 0, "99999999999999999999Ei": facts.MaxBytes,
	} {
		if got := amount(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
