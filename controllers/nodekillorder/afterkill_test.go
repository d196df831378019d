package nodekillorder

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/controllers/kills"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
	"github.com/killorder/killorder/internal/podcache"
)

// watched is a world in which kills are found as the operator finds them: a Tracker sees pods, and a Book remembers.
type watched struct {
	*world
	tracker *kills.Tracker
	version int
}

func newWatched(t *testing.T) *watched {
	w := &watched{world: newWorld(t, node("n1"))}
	book := &kills.Book{Changed: func(string) {}, Metrics: kills.NewMetrics(prometheus.NewRegistry()), Clock: w.clock}
	w.Kills = book
	w.tracker = &kills.Tracker{
		Book: book, Clock: w.clock, Usage: readings{w.world}, Policy: extract.DefaultPolicy,
		Pods:      func(string) []*facts.Pod { return w.pods },
		Namespace: func(string) labels.Labels { return labels.Set{} },
		Node:      func(string) (*corev1.Node, *facts.KubeletConfig) { return node("n1"), nil },
	}
	book.Load(nil)
	return w
}

// runs makes a running pod of the Deployment api, with a limit, what the node has.
func (w *watched) runs(name, limit string, edit ...func(*corev1.Pod)) *corev1.Pod {
	w.version++
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name), ResourceVersion: fmt.Sprint(w.version),
			CreationTimestamp: metav1.NewTime(w.clock.Now().Add(-time.Hour)), Labels: map[string]string{"pod-template-hash": "abc"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "api-abc", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{NodeName: nodeName, Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)},
			Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)},
		}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBurstable, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}}},
	}
	for _, e := range edit {
		e(p)
	}
	w.pods = []*facts.Pod{extract.Pod(p)}
	return p
}

// ofPod makes the limit one of the pod as a whole.
func ofPod(p *corev1.Pod) {
	c := &p.Spec.Containers[0]
	p.Spec.Resources = c.Resources.DeepCopy()
	c.Resources = corev1.ResourceRequirements{}
}

// dies lets the pod's container reach its limit for the nth time, and be started again.
func (w *watched) dies(p *corev1.Pod, n int, edit ...func(*corev1.ContainerStateTerminated)) {
	w.clock.SetTime(w.clock.Now().Add(time.Minute))
	p = p.DeepCopy()
	w.version++
	p.ResourceVersion = fmt.Sprint(w.version)
	s := &p.Status.ContainerStatuses[0]
	s.RestartCount = int32(n)
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
		Reason: "OOMKilled", ExitCode: 137, FinishedAt: metav1.NewTime(w.clock.Now().Add(-time.Second)),
		ContainerID: "containerd://" + strings.Repeat(fmt.Sprintf("%04x", w.version), 16),
	}
	for _, e := range edit {
		e(s.LastTerminationState.Terminated)
	}
	w.tracker.See(podcache.Sighting{Pod: p})
}

// findings of the order, RULE: message, of what is about kills.
func (w *watched) findings() (found []string) {
	w.t.Helper()
	if _, _, err := w.reconcile(time.Minute); err != nil {
		w.t.Fatal(err)
	}
	for _, f := range w.order().Status.Findings {
		switch f.Rule {
		case "LimitKilledAgain", "FixLimitKilled", "KilledOnSeveralNodes":
			found = append(found, f.Rule+": "+f.Message)
		}
	}
	return found
}

// TestFindingsAfterKills: what several kills say together stands among the findings of the order, once the kills were
// seen as the operator sees them.
func TestFindingsAfterKills(t *testing.T) {
	const again = "LimitKilledAgain: Reached its memory limit of 256Mi 2 times within a day, and was killed each time"
	tests := map[string]struct {
		do   func(w *watched)
		want []string
	}{
		"killed at its limit once": {do: func(w *watched) { w.dies(w.runs("a", "256Mi"), 1) }},
		"killed twice": {
			do: func(w *watched) {
				p := w.runs("a", "256Mi")
				w.dies(p, 1)
				w.dies(p, 2)
			},
			want: []string{again + "."},
		},
		"killed twice with files in memory": {
			do: func(w *watched) {
				p := w.runs("a", "256Mi", func(p *corev1.Pod) {
					p.Spec.Volumes = []corev1.Volume{{Name: "cache", VolumeSource: corev1.VolumeSource{
						EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory},
					}}}
				})
				w.dies(p, 1)
				w.dies(p, 2)
			},
			want: []string{again + ": files in volume cache stay and count, so restarts do not help."},
		},
		"ended by an unknown killer twice, a guess": {do: func(w *watched) {
			p := w.runs("a", "256Mi")
			for n := range 2 {
				w.dies(p, n+1, func(s *corev1.ContainerStateTerminated) { s.Reason = "Error" })
			}
			elsewhere := w.runs("b", "256Mi", func(p *corev1.Pod) { p.Spec.NodeName = "another-node" })
			w.dies(elsewhere, 1, func(s *corev1.ContainerStateTerminated) { s.Reason = "Error" })
		}},
		"killed twice, then given more": {do: func(w *watched) {
			p := w.runs("a", "256Mi")
			w.dies(p, 1)
			w.dies(p, 2)
			w.runs("b", "512Mi")
		}},
		"killed twice at the pod's own limit": {
			do: func(w *watched) {
				w.usage = 250 << 20
				p := w.runs("a", "256Mi", ofPod)
				w.dies(p, 1)
				w.dies(p, 2)
			},
			want: []string{again + "."},
		},
		"killed twice at the pod's own limit, which was raised": {do: func(w *watched) {
			w.usage = 250 << 20
			p := w.runs("a", "256Mi", ofPod)
			w.dies(p, 1)
			w.dies(p, 2)
			w.runs("b", "512Mi", ofPod)
		}},
		"killed twice, then freed of the limit": {do: func(w *watched) {
			p := w.runs("a", "256Mi")
			w.dies(p, 1)
			w.dies(p, 2)
			w.runs("b", "256Mi", func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Limits = nil })
		}},
		"killed twice, and the container has another name now": {do: func(w *watched) {
			p := w.runs("a", "256Mi")
			w.dies(p, 1)
			w.dies(p, 2)
			w.runs("b", "256Mi", func(p *corev1.Pod) {
				p.Spec.Containers[0].Name, p.Status.ContainerStatuses[0].Name = "renamed", "renamed"
			})
		}},
		"killed twice, a day ago": {do: func(w *watched) {
			p := w.runs("a", "256Mi")
			w.dies(p, 1)
			w.dies(p, 2)
			w.clock.SetTime(w.clock.Now().Add(25 * time.Hour))
		}},
		"killed on two nodes": {
			do: func(w *watched) {
				elsewhere := w.runs("b", "256Mi", func(p *corev1.Pod) { p.Spec.NodeName = "another-node" })
				w.dies(elsewhere, 1)
				w.dies(w.runs("a", "256Mi"), 1)
			},
			want: []string{
				again + ".",
				"KilledOnSeveralNodes: The same killer (ContainerLimit) took 2 of its pods on 2 nodes within a day: the workload is the cause, no node is.",
			},
		},
		"a fix of ours was followed, and killed": {
			do: func(w *watched) {
				w.usage = 230 << 20
				w.runs("a", "256Mi")
				w.findings() // NearMemoryLimit advises 288Mi
				w.dies(w.runs("b", "288Mi"), 1)
			},
			want: []string{"FixLimitKilled: Reached its memory limit of 288Mi, which the fix of NearMemoryLimit advised: that was too low for its peaks."},
		},
		"another limit than the advised one": {do: func(w *watched) {
			w.usage = 230 << 20
			w.runs("a", "256Mi")
			w.findings()
			w.dies(w.runs("b", "272Mi"), 1)
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWatched(t)
			w.findings()
			tc.do(w)
			if diff := cmp.Diff(tc.want, w.findings()); diff != "" {
				t.Errorf("findings (-want +got):\n%s\nall: %+v", diff, w.order().Status.Findings)
			}
		})
	}
}
