package e2e

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/test/e2e/node"
)

// promptly is how soon status.kills has to show a death after the API shows it.
const promptly = 10 * time.Second

// ledger is what status.kills showed during the whole suite, read as often as it may change, beside what really happened.
// status.kills itself has room for three kills.
type ledger struct {
	mu sync.Mutex
	// shown are all kills by their key; twice are keys that one status showed more than once.
	shown map[string]v1alpha1.Kill
	twice []string
	// real are the kills that the scenes have seen happen, with the right cause. The key is the pod and the container, and
	// the container is "" if the whole pod was killed.
	real map[string]v1alpha1.KillCause
}

var kills = &ledger{shown: map[string]v1alpha1.Kill{}, real: map[string]v1alpha1.KillCause{}}

func killKey(k *v1alpha1.Kill) string {
	return strings.Join([]string{k.Pod, k.Container, string(k.UID), k.ContainerID}, "/")
}

func realKey(pod, container string) string { return pod + "/" + container }

// follow reads the node's status.kills until the context ends.
func (l *ledger) follow(ctx context.Context) {
	for ctx.Err() == nil {
		var o v1alpha1.NodeKillOrder
		if err := api.Get(ctx, client.ObjectKey{Name: node.Name}, &o); err == nil {
			l.note(o.Status.Kills)
		}
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func (l *ledger) note(shown []v1alpha1.Kill) {
	l.mu.Lock()
	defer l.mu.Unlock()
	here := map[string]bool{}
	for _, k := range shown {
		key := killKey(&k)
		if here[key] {
			l.twice = append(l.twice, key)
		}
		here[key] = true
		l.shown[key] = k // a class may become better known
	}
}

// of returns the kills shown of a pod's container.
func (l *ledger) of(pod, container string) (found []v1alpha1.Kill) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.shown {
		if k.Namespace == scenes && k.Pod == pod && (k.Container == container || k.Container == "") {
			found = append(found, k)
		}
	}
	return found
}

// expectKill expects that status.kills shows the kill of a container with the right cause, promptly after the API shows
// the death, and once.
func expectKill(ctx ginkgo.SpecContext, pod, container string, cause v1alpha1.KillCause) {
	ginkgo.GinkgoHelper()
	kills.mu.Lock()
	kills.real[realKey(pod, container)] = cause
	kills.mu.Unlock()
	began := time.Now()
	var found []v1alpha1.Kill
	gomega.Eventually(func(g gomega.Gomega) {
		found = kills.of(pod, container)
		g.Expect(found).To(gomega.HaveLen(1), "kills of %s/%s in status.kills", pod, container)
		g.Expect(found[0].Cause).To(gomega.Equal(cause), "%+v", found[0])
	}).WithContext(ctx).WithTimeout(patience(promptly)).WithPolling(200 * time.Millisecond).Should(gomega.Succeed())
	k := &found[0]
	say("kill of %s/%s: %s, confidence %s, %.1f s after the API showed the death; foreseen: %s; %s",
		pod, container, k.Cause, k.Confidence, time.Since(began).Seconds(), foreseen(k.Predicted), k.Message)
}

func foreseen(p *v1alpha1.KillPrediction) string {
	if p == nil {
		return "no order before"
	}
	if p.Rank == 0 {
		return fmt.Sprintf("not listed in the %s order", p.Killer)
	}
	return fmt.Sprintf("rank %d by %s", p.Rank, p.Killer)
}

// evictedForMemory are the pods of the scenes that Events of the kubelet call evicted for memory.
func evictedForMemory(ctx ginkgo.SpecContext) (pods []string) {
	ginkgo.GinkgoHelper()
	var events corev1.EventList
	gomega.Expect(api.List(ctx, &events, client.InNamespace(scenes))).To(gomega.Succeed())
	for i := range events.Items {
		if e := &events.Items[i]; e.Reason == "Evicted" && e.Annotations["starved_resource"] == string(corev1.ResourceMemory) {
			pods = append(pods, e.InvolvedObject.Name)
		}
	}
	return pods
}

// expectEvictions expects that status.kills shows all evictions until now. The kubelet leaves out Events of a pod that has
// had many, for instance because its image cannot be pulled: seen names evicted pods without such an Event, which their own
// status shows as evicted.
func expectEvictions(ctx ginkgo.SpecContext, seen ...string) {
	ginkgo.GinkgoHelper()
	for _, pod := range append(evictedForMemory(ctx), seen...) {
		if _, before := kills.real[realKey(pod, "")]; !before {
			expectKill(ctx, pod, "", v1alpha1.CauseEviction)
		}
	}
}

// judge compares everything that status.kills has shown with everything that has happened: no kill is shown twice, and no
// kill that did not happen is shown.
func (l *ledger) judge(ctx ginkgo.SpecContext) string {
	ginkgo.GinkgoHelper()
	for _, pod := range evictedForMemory(ctx) {
		l.real[realKey(pod, "")] = v1alpha1.CauseEviction
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	gomega.Expect(l.twice).To(gomega.BeEmpty(), "kills that one status showed twice")
	shown, causes := map[string]v1alpha1.KillCause{}, map[v1alpha1.KillCause]int{}
	for _, k := range l.shown {
		if k.Namespace != scenes {
			continue
		}
		key := realKey(k.Pod, k.Container)
		if _, whole := l.real[realKey(k.Pod, "")]; whole {
			key = realKey(k.Pod, "")
		}
		gomega.Expect(shown).NotTo(gomega.HaveKey(key), "a kill that was shown as two: %+v", k)
		shown[key] = k.Cause
		causes[k.Cause]++
	}
	gomega.Expect(shown).To(gomega.Equal(l.real), "what status.kills has shown, and what really happened")
	return countsOf(causes)
}

func countsOf(counts map[v1alpha1.KillCause]int) string {
	var all []string
	for _, cause := range slices.SortedFunc(maps.Keys(counts), func(a, b v1alpha1.KillCause) int { return cmp.Compare(a, b) }) {
		if counts[cause] > 0 {
			all = append(all, fmt.Sprintf("%s %d", cause, counts[cause]))
		}
	}
	return strings.Join(all, ", ")
}
