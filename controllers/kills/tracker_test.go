package kills

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/forensics"
	"github.com/killorder/killorder/internal/podcache"
)

// readings are the same for every pod: the container uses that much, in bytes.
type readings struct {
	*world
	container int64
}

func (r readings) Pod(string, string) (facts.PodReading, bool) {
	if r.container == 0 {
		return facts.PodReading{}, false
	}
	return facts.PodReading{
		ObservedAt: r.ago(5 * time.Second), WorkingSet: r.container,
		Containers: []facts.ContainerReading{{Name: "app", ContainerUsage: facts.ContainerUsage{WorkingSet: r.container, RSS: facts.Unknown, Swap: facts.Unknown}}},
	}, true
}

func (r readings) Node(string) (facts.NodeReading, bool) { return facts.NodeReading{}, false }

// track returns a Tracker over the world's Book.
func (w *world) track(container int64, cached ...*facts.Pod) *Tracker {
	return &Tracker{
		Book: w.Book, Clock: w.clock, Usage: readings{w, container}, Policy: extract.DefaultPolicy,
		Pods:      func(string) []*facts.Pod { return cached },
		Namespace: func(string) labels.Labels { return labels.Set{} },
		Node: func(name string) (*corev1.Node, *facts.KubeletConfig) {
			return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{
				Capacity: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("16Gi")},
				NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.37.2"},
			}}, nil
		},
	}
}

// version numbers the states of pods, as the API server does.
var version int

// podOf is a critical Burstable pod of a Deployment with a limit of 64Mi.
func (w *world) podOf(name string, edit ...func(*corev1.Pod)) *corev1.Pod {
	version++
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID("uid-" + name), ResourceVersion: fmt.Sprint(version),
			CreationTimestamp: metav1.NewTime(w.ago(time.Hour)),
			Labels:            map[string]string{"killorder.io/critical": "true", "pod-template-hash": "abc"},
			OwnerReferences:   []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "api-abc", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}, Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("32Mi")},
		}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBurstable, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(w.ago(time.Hour))}},
		}}},
	}
	for _, e := range edit {
		e(p)
	}
	return p
}

// died is a container that ended that long ago and was started anew.
func (w *world) died(reason string, code int32, ago time.Duration) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0].RestartCount = 1
		p.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
			Reason: reason, ExitCode: code, FinishedAt: metav1.NewTime(w.ago(ago)), StartedAt: metav1.NewTime(w.ago(time.Hour)),
			ContainerID: "containerd://" + strings.Repeat("c1", 32),
		}
	}
}

const low = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "

func (w *world) evicted(p *corev1.Pod) {
	p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", low
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: corev1.PodReasonTerminationByKubelet, Message: low,
		LastTransitionTime: metav1.NewTime(w.ago(time.Second)),
	}}
	p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "ContainerStatusUnknown", ExitCode: 137}}
}

func (w *world) evictedEvent(pod string) forensics.Event {
	return forensics.Event{
		Reason: "Evicted", Message: low, Kind: "Pod", Namespace: "shop", Name: pod, UID: "uid-" + pod, Host: node, Reporter: "kubelet",
		Starved: "memory", First: w.ago(time.Second), Last: w.ago(time.Second), Count: 1,
	}
}

func TestTrackerFindsKills(t *testing.T) {
	tests := map[string]struct {
		usage int64 // last reading of the container, in bytes
		do    func(w *world, t *Tracker)
		want  []string
		// wantCritical: the kill knows its pod.
		wantCritical bool
	}{
		"a healthy pod": {do: func(w *world, t *Tracker) { t.See(podcache.Sighting{Pod: w.podOf("a")}) }},
		"a container's limit": {usage: 63 << 20, do: func(w *world, t *Tracker) {
			t.See(podcache.Sighting{Pod: w.podOf("a", w.died("OOMKilled", 137, time.Second))})
		}, want: []string{"ContainerLimit a/app"}, wantCritical: true},
		"an exit": {do: func(w *world, t *Tracker) {
			t.See(podcache.Sighting{Pod: w.podOf("a", w.died("Error", 1, time.Second))})
		}},
		"evicted":              {do: func(w *world, t *Tracker) { t.See(podcache.Sighting{Pod: w.podOf("a", w.evicted)}) }, want: []string{"Eviction a/"}, wantCritical: true},
		"evicted, as an Event": {do: func(w *world, t *Tracker) { t.Hear(w.evictedEvent("a")) }, want: []string{"Eviction a/"}},
		"evicted, the Event first": {do: func(w *world, t *Tracker) {
			t.Hear(w.evictedEvent("a"))
			t.See(podcache.Sighting{Pod: w.podOf("a", w.evicted)})
		}, want: []string{"Eviction a/"}},
		"evicted, the Event last and again": {do: func(w *world, t *Tracker) {
			t.See(podcache.Sighting{Pod: w.podOf("a", w.evicted)})
			t.Hear(w.evictedEvent("a"))
			t.Hear(w.evictedEvent("a"))
		}, want: []string{"Eviction a/"}, wantCritical: true},
		"evicted, then deleted, then listed": {do: func(w *world, t *Tracker) {
			p := w.podOf("a", w.evicted)
			t.See(podcache.Sighting{Pod: p})
			t.See(podcache.Sighting{Pod: p, Deleted: true})
			t.See(podcache.Sighting{Pod: p})
		}, want: []string{"Eviction a/"}, wantCritical: true},
		"evicted, all that is left is the tombstone": {do: func(w *world, t *Tracker) {
			t.See(podcache.Sighting{Before: extract.Pod(w.podOf("a")), Deleted: true})
			t.Hear(w.evictedEvent("a"))
		}, want: []string{"Eviction a/"}},
		"an old state after a new one": {usage: 63 << 20, do: func(w *world, t *Tracker) {
			before, after := w.podOf("a"), w.podOf("a", w.died("OOMKilled", 137, time.Second))
			t.See(podcache.Sighting{Pod: after})
			t.See(podcache.Sighting{Pod: before})
			t.See(podcache.Sighting{Pod: after})
		}, want: []string{"ContainerLimit a/app"}, wantCritical: true},
		"an error that becomes an OOM kill": {usage: 63 << 20, do: func(w *world, t *Tracker) {
			t.See(podcache.Sighting{Pod: w.podOf("a", w.died("Error", 137, time.Second))})
			t.See(podcache.Sighting{Pod: w.podOf("a", w.died("OOMKilled", 137, time.Second))})
		}, want: []string{"ContainerLimit a/app"}, wantCritical: true},
		"a rejected pod": {do: func(w *world, t *Tracker) {
			t.See(podcache.Sighting{Pod: w.podOf("a", func(p *corev1.Pod) {
				p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "Pod was rejected: The node had condition: [MemoryPressure]. "}
			})})
		}},
		"an Event without a pod, then unknown kinds": {do: func(_ *world, t *Tracker) {
			t.Hear(forensics.Event{Reason: "Evicted"})
			t.Hear(forensics.Event{Kind: "Pod", Reason: "OOMKilled"})
			t.Hear(forensics.Event{Kind: "Node", Reason: "SystemOOM"})
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.lead()
			tc.do(w, w.track(tc.usage))
			w.pass(settling)
			if diff := cmp.Diff(tc.want, shown(w.order.Kills)); diff != "" {
				t.Fatalf("shown (-want +got):\n%s", diff)
			}
			n := 0
			for _, count := range w.kills() {
				n += count
			}
			if n != len(tc.want) {
				t.Errorf("%d counted, want %d", n, len(tc.want))
			}
			if len(tc.want) > 0 {
				k := w.order.Kills[0]
				if k.Critical != tc.wantCritical || (tc.wantCritical && (k.Workload == nil || *k.Workload != v1alpha1.WorkloadReference{Kind: "Deployment", Name: "api"})) {
					t.Errorf("critical %t, workload %v", k.Critical, k.Workload)
				}
			}
		})
	}
}

// TestTrackerKnowsAPodOfAnEventFromTheCache: an Event says only names.
func TestTrackerKnowsAPodOfAnEventFromTheCache(t *testing.T) {
	w := newWorld(t)
	w.lead()
	w.track(0, extract.Pod(w.podOf("a"))).Hear(w.evictedEvent("a"))
	w.pass(settling)
	if k := w.order.Kills[0]; !k.Critical || k.Workload == nil {
		t.Errorf("got %+v", k)
	}
	if diff := cmp.Diff(map[string]int{"Burstable": 1}, w.counted("killorder_kills_total", "qos")); diff != "" {
		t.Errorf("QoS (-want +got):\n%s", diff)
	}
}

// TestTrackerSurvivesHostilePods: a container of each kind in each state, names and messages without end.
func TestTrackerSurvivesHostilePods(t *testing.T) {
	w := newWorld(t)
	w.lead()
	w.pass(firstCount)
	tracker := w.track(63 << 20)
	for i := range 20 {
		p := w.podOf(fmt.Sprint("p", i), w.died("OOMKilled", 137, time.Second))
		for c := range 140 {
			s := p.Status.ContainerStatuses[0].DeepCopy()
			s.Name = fmt.Sprintf("c%d%s", c, strings.Repeat("x", 10_000))
			s.LastTerminationState.Terminated.ContainerID = fmt.Sprint("containerd://", i, "-", c)
			p.Status.EphemeralContainerStatuses = append(p.Status.EphemeralContainerStatuses, *s)
		}
		tracker.See(podcache.Sighting{Pod: p})
	}
	if n := len(w.pages[node].entries); n > maxEntries {
		t.Errorf("%d entries are held", n)
	}
	for key := range w.pages[node].entries {
		if len(key.Container) > 253 {
			t.Errorf("a name of %d bytes is held", len(key.Container))
		}
	}
	if w.leftOut()[leftOutDeath] == 0 {
		t.Error("what was left out is not counted")
	}
}

// TestNodeBecomesKnownLate: at an operator's start a death is seen before its Node is. The judgement made without the Node
// is mended once the Node is known, with no other trace, and the kill is one.
func TestNodeBecomesKnownLate(t *testing.T) {
	w := newWorld(t)
	w.lead()
	tracker := w.track(0)
	known := tracker.Node
	tracker.Node = func(string) (*corev1.Node, *facts.KubeletConfig) { return nil, nil }
	tracker.See(podcache.Sighting{Pod: w.podOf("a", w.died("OOMKilled", 1, time.Second))})
	w.pass(time.Second)
	if k := w.order.Kills; len(k) != 1 || k[0].Cause != v1alpha1.CauseProcessOOM || k[0].Confidence != v1alpha1.ConfidenceMedium {
		t.Fatalf("kills %+v; want a ProcessOOM of Medium confidence", k)
	}
	tracker.Node = known
	w.clock.SetTime(w.clock.Now().Add(lookAgain))
	tracker.Step()
	w.pass(settling)
	w.pass(settling)
	if k := w.order.Kills; len(k) != 1 || k[0].Confidence != v1alpha1.ConfidenceHigh {
		t.Errorf("kills %+v; want it High: the node has cgroup v2", k)
	}
	if n := w.kills()["ProcessOOM"]; n != 1 || len(w.events) != 1 {
		t.Errorf("%d counted, Events %v; want one of each", n, w.events)
	}
}

// TestAThousandDeathsInAMinute: each is found and counted, memory stays bounded, and what is not told is counted as left
// out. The order shows the last three.
func TestAThousandDeathsInAMinute(t *testing.T) {
	w := newWorld(t)
	w.lead()
	w.pass(firstCount)
	tracker := w.track(63 << 20)
	for i := range 1000 {
		w.clock.SetTime(w.clock.Now().Add(60 * time.Millisecond))
		tracker.See(podcache.Sighting{Pod: w.podOf(fmt.Sprint("p", i), w.died("OOMKilled", 137, time.Second))})
		if i%17 == 0 {
			tracker.Step()
			w.pass(0)
		}
	}
	for range 5 {
		tracker.Step()
		w.pass(settling)
	}
	if n := w.kills()["ContainerLimit"]; n != 1000 {
		t.Errorf("%d kills are counted, want 1,000", n)
	}
	told, leftOut := len(w.events), int(testutil.ToFloat64(w.Metrics.leftOut.WithLabelValues(leftOutEvent)))
	if told+leftOut != 1000 || told == 0 {
		t.Errorf("%d told and %d left out, want 1,000 together", told, leftOut)
	}
	if n := testutil.ToFloat64(w.Metrics.leftOut.WithLabelValues(leftOutDeath)); n != 0 {
		t.Errorf("%v deaths had no room", n)
	}
	if p := w.pages[node]; len(p.entries) > maxEntries || len(p.remembered) > maxRemembered || len(w.order.Kills) != v1alpha1.MaxKills {
		t.Errorf("%d entries, %d keys, %d kills shown", len(p.entries), len(p.remembered), len(w.order.Kills))
	}
	for name, n := range w.events {
		if n != 1 {
			t.Errorf("Event %s was made %d times", name, n)
		}
	}
}
