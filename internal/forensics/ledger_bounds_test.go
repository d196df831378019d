package forensics

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// told counts Changes as a reader does: kills told as new.
func toldNew(changes []Change) (n int) {
	for _, c := range changes {
		if c.Record.Killed() && !anyKilled(c.Was) {
			n++
		}
	}
	return n
}

// numbered is the pod of a case under another name, on one of so many nodes.
func numbered(i, nodes int, edit ...func(*corev1.Pod)) *corev1.Pod {
	p := victimPod(edit...)
	p.Name, p.UID, p.Spec.NodeName = fmt.Sprintf("app-%d", i), types.UID(fmt.Sprintf("u-%d", i)), fmt.Sprintf("n%d", i%nodes)
	return p
}

// Thousands of kills within minutes, each seen twice, are each told once, and little memory is held.
func TestLedgerThousandsOfKills(t *testing.T) {
	const kills, nodes = 2000, 100
	l, told := NewLedger(t0.Add(-time.Hour)), 0
	for i := range kills {
		seen := t0.Add(time.Duration(i) * 60 * time.Millisecond) // a thousand a minute
		p := numbered(i, nodes, lastState("OOMKilled", 137), limited("1Gi"))
		p.Status.ContainerStatuses[0].LastTerminationState.Terminated.FinishedAt.Time = seen
		for range 2 {
			told += toldNew(l.See(Sighting{Pod: p, Seen: seen}))
		}
	}
	if told != kills {
		t.Errorf("%d kills, %d told", kills, told)
	}
	if o := l.Omitted(); o != (Omitted{}) {
		t.Errorf("omitted: %+v", o)
	}
	for i := range kills { // a resync shows all of them again, hours later
		p := numbered(i, nodes, lastState("OOMKilled", 137), limited("1Gi"))
		p.Status.ContainerStatuses[0].LastTerminationState.Terminated.FinishedAt.Time = t0.Add(time.Duration(i) * 60 * time.Millisecond)
		if n := toldNew(l.See(Sighting{Pod: p, Seen: t0.Add(5 * time.Hour)})); n != 0 {
			t.Fatalf("pod %d was told again", i)
		}
	}
	if held := heldBy(l); held > 2000*kills {
		t.Errorf("%d bytes held after %d kills", held, kills)
	}
}

// heldBy is the heap that goes with the Ledger.
func heldBy(l *Ledger) int64 {
	with := heap()
	runtime.KeepAlive(l)
	*l = *NewLedger(t0)
	return with - heap()
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Healthy pods take nothing, and pods that are gone are forgotten.
func TestLedgerForgets(t *testing.T) {
	l := NewLedger(t0.Add(-time.Hour))
	for i := range 1000 {
		running := numbered(i, 10, func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State.Running = &corev1.ContainerStateRunning{} })
		l.See(Sighting{Pod: running, Seen: t0})
	}
	if len(l.books) != 0 {
		t.Errorf("%d healthy pods are held", len(l.books))
	}
	for i := range 1000 {
		l.See(Sighting{Pod: numbered(i, 10, state("Error", 143), deletedAt(-1)), Gone: true, Seen: t0})
	}
	killed := numbered(1000, 10, state("OOMKilled", 137), deletedAt(1))
	if n := toldNew(l.See(Sighting{Pod: killed, Gone: true, Seen: t0})); n != 1 {
		t.Errorf("%d told of a tombstone", n)
	}
	l.tick(t0.Add(20 * time.Minute))
	if len(l.books) != 1 {
		t.Errorf("%d pods are held after 20 minutes, not the one that was killed", len(l.books))
	}
	l.tick(t0.Add(40 * time.Minute))
	l.tick(t0.Add(100 * time.Minute))
	if len(l.books) != 0 || len(l.nodes) != 0 {
		t.Errorf("%d pods and %d nodes are held after 100 minutes", len(l.books), len(l.nodes))
	}
}

// One object cannot fill a Ledger: what does not fit is counted.
func TestLedgerCountsWhatItLeavesOut(t *testing.T) {
	p := victimPod()
	const containers = 4000
	for i := range containers {
		s := ended("OOMKilled", 137)
		s.ContainerID = fmt.Sprintf("containerd://%d", i)
		name := fmt.Sprintf("c%d", i)
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name})
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Terminated: &s}})
	}
	l := NewLedger(t0)
	told := toldNew(l.See(Sighting{Pod: p, Seen: t0}))
	if o := l.Omitted(); told != maxPodEntries || told+o.Deaths != containers {
		t.Errorf("%d told, %d counted as left out, of %d", told, o.Deaths, containers)
	}
	for i := range 100 {
		l.Hear(ofMain(podEvent("Killing", fmt.Sprint(i), i)), t0)
	}
	if o := l.Omitted(); o.Events != 100-maxPodEvents {
		t.Errorf("%d Events left out", o.Events)
	}
}

// told is what one Change says, for the cases below.
func changesOf(changes []Change) (out []string) {
	for i := range changes {
		c := &changes[i]
		text := line(&c.Record)
		for j := range c.Was {
			text += " <- " + line(&c.Was[j])
		}
		out = append(out, text)
	}
	return out
}

func TestLedgerTellsBetter(t *testing.T) {
	see := func(edit ...func(*corev1.Pod)) func(*Ledger) []Change {
		return func(l *Ledger) []Change { return l.See(Sighting{Pod: victimPod(edit...), Seen: at(1).Time}) }
	}
	gone := func(edit ...func(*corev1.Pod)) func(*Ledger) []Change {
		return func(l *Ledger) []Change {
			return l.See(Sighting{Pod: victimPod(edit...), Gone: true, Seen: at(40).Time})
		}
	}
	hear := func(e Event) func(*Ledger) []Change {
		return func(l *Ledger) []Change { return l.Hear(e, at(5).Time) }
	}
	evicted := []func(*corev1.Pod){state("Error", 137), phase(corev1.PodFailed, "Evicted", lowMemory), target("TerminationByKubelet", lowMemory)}
	for name, c := range map[string]struct {
		steps []func(*Ledger) []Change
		want  []string
	}{
		"Error becomes OOMKilled for the same container": {
			steps: []func(*Ledger) []Change{see(lastState("Error", 137), limited("1Gi")), see(lastState("OOMKilled", 137), limited("1Gi"))},
			want:  []string{"app-0/main Foreign Low", "app-0/main ContainerLimit Medium <- app-0/main Foreign Low"},
		},
		"a SystemOOM comes later": {
			steps: []func(*Ledger) []Change{see(lastState("OOMKilled", 137)), hear(nodeEvent("SystemOOM", systemKill, 5))},
			want:  []string{"app-0/main PodsOOM Medium", "app-0/main NodeOOM Medium <- app-0/main PodsOOM Medium"},
		},
		"the eviction's Event comes first": {
			steps: []func(*Ledger) []Change{hear(podEvent("Evicted", lowMemory, -1)), see(state("Error", 137)), see(evicted...)},
			want:  []string{"app-0 Eviction Medium", "app-0 Eviction Medium <- app-0 Eviction Medium", "app-0 Eviction High <- app-0 Eviction Medium"},
		},
		"a SIGKILL turns out to be an eviction": {
			steps: []func(*Ledger) []Change{see(state("Error", 137)), see(evicted...)},
			want:  []string{"app-0/main Foreign Low", "app-0 Eviction High <- app-0/main Foreign Low"},
		},
		"a SIGKILL turns out to be a probe's": {
			steps: []func(*Ledger) []Change{see(lastState("Error", 137)), hear(ofMain(podEvent("Killing", probeKill, -30)))},
			want:  []string{"app-0/main Foreign Low", "app-0/main no kill: Probe <- app-0/main Foreign Low"},
		},
		"a deletion is no kill": {
			steps: []func(*Ledger) []Change{
				see(deletedAt(-35), func(p *corev1.Pod) {
					p.Status.ContainerStatuses[0] = corev1.ContainerStatus{
						Name: "main", ContainerID: ended("", 0).ContainerID, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
					}
				}),
				see(deletedAt(-35), state("Error", 137)), gone(deletedAt(-35), state("Error", 137)),
			},
		},
		"an OOM Event of a later kubelet, and then the status": {
			steps: []func(*Ledger) []Change{hear(ofMain(podEvent("ContainerOOMKilled", "out of memory", 1))), see(lastState("OOMKilled", 137), limited("1Gi"))},
			want:  []string{"app-0/main PodsOOM Medium", "app-0/main ContainerLimit Medium <- app-0/main PodsOOM Medium"},
		},
		"the status, and then the OOM Event of a later kubelet": {
			steps: []func(*Ledger) []Change{see(lastState("OOMKilled", 137), limited("1Gi")), hear(ofMain(podEvent("ContainerOOMKilled", "out of memory", 1)))},
			want:  []string{"app-0/main ContainerLimit Medium"},
		},
		"our own Event of it": {
			steps: []func(*Ledger) []Change{hear(func() Event { e := ofMain(podEvent("PodKilled", "OOM", 1)); e.Reporter = "killorder"; return e }())},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger(at(-3600).Time)
			l.SetNode(n1())
			var got []string
			for _, step := range c.steps {
				got = append(got, changesOf(step(l))...)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
