package adversity

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/api/v1alpha1"
)

// before is how things were before a scene.
type before struct {
	// events counts Events by their reason and the object that they are about.
	events map[string]int
	// goroutines and heap, in bytes, of the operator.
	goroutines, heap float64
}

const slack = 2 << 20 // bytes by which a heap may differ: what is being decided at the moment

// note how things are, once they are settled.
func note(ctx context.Context, o *operator) before {
	GinkgoHelper()
	settled(ctx)
	b := before{events: events(ctx)}
	Eventually(func() float64 { b.goroutines = o.sample(ctx, "go_goroutines "); return b.goroutines }).Should(BeNumerically(">", 0))
	b.heap = o.sample(ctx, "go_memstats_heap_alloc_bytes ")
	GinkgoWriter.Printf("before: %v goroutines, %v bytes of heap, %d Events\n", b.goroutines, b.heap, len(b.events))
	return b
}

// sample is a gauge of the operator, or the sum of a counter's; -1 while the operator does not answer.
func (o *operator) sample(ctx context.Context, name string) float64 {
	GinkgoHelper()
	return scraper.Sum(ctx, o.metrics, name)
}

// settled waits until the operator's orders say what the plugin says.
func settled(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		want, have := ranked(ctx, g), published(ctx, g)
		for _, node := range slices.Sorted(maps.Keys(want)) {
			g.Expect(have[node]).To(Equal(want[node]), node)
		}
		g.Expect(have).To(HaveLen(len(want)))
	}).Should(Succeed(), "the orders are what the plugin says")
}

// asBefore waits until things are as they were, but for the Events that a scene calls for.
func (b *before) asBefore(ctx context.Context, o *operator, called ...string) {
	GinkgoHelper()
	settled(ctx)
	var goroutines, heap float64
	Eventually(func() float64 { goroutines = o.sample(ctx, "go_goroutines "); return goroutines }).
		Should(And(BeNumerically(">", 0), BeNumerically("<=", b.goroutines+2)), "goroutines")
	Eventually(func() float64 { heap = o.sample(ctx, "go_memstats_heap_alloc_bytes "); return heap }).
		Should(And(BeNumerically(">", 0), BeNumerically("<=", b.heap+slack)), "bytes of heap")
	GinkgoWriter.Printf("after: %v goroutines, %v bytes of heap\n", goroutines, heap)
	b.noEventTwice(ctx, called...)
}

func (b *before) noEventTwice(ctx context.Context, called ...string) {
	GinkgoHelper()
	want := maps.Clone(b.events)
	for _, e := range called {
		want[e] = 1
	}
	Expect(events(ctx)).To(Equal(want), "Events")
}

// ranked is what the plugin says of each node.
func ranked(ctx context.Context, g Gomega) map[string]string {
	text, err := rank(ctx)
	g.Expect(err).NotTo(HaveOccurred())
	list := &v1alpha1.NodeKillOrderList{}
	g.Expect(json.Unmarshal(text, list)).To(Succeed())
	return said(list, g)
}

// published is what the operator's orders say of each node.
func published(ctx context.Context, g Gomega) map[string]string {
	list := &v1alpha1.NodeKillOrderList{}
	g.Expect(k8s.List(ctx, list)).To(Succeed())
	return said(list, g)
}

// said is what orders say, by node, in JSON: all that follows from the state of the cluster. What depends on when the order
// was written, or on what happened before, is left out: times, kills, and the texts of findings, which stay as they are while
// the pod that they are about does. Of the noisy node, whose figures move, only the source of usage and the members of the orders
// are compared.
func said(list *v1alpha1.NodeKillOrderList, g Gomega) map[string]string {
	all := map[string]string{}
	for i := range list.Items {
		s := list.Items[i].Status
		if list.Items[i].Name == "noisy" {
			all["noisy"] = membersOf(&s)
			continue
		}
		s.LastChangedAt, s.Kills, s.AtRisk = nil, nil, nil
		if s.Usage != nil {
			s.Usage.ObservedAt = nil
		}
		if s.Summary != nil {
			s.Summary.LastKill = ""
		}
		for f := range s.Findings {
			s.Findings[f].Message, s.Findings[f].Fix = "", ""
		}
		for c := range s.Conditions {
			s.Conditions[c].LastTransitionTime, s.Conditions[c].ObservedGeneration = metav1.Time{}, 0
		}
		text, err := json.MarshalIndent(s, "", " ")
		g.Expect(err).NotTo(HaveOccurred())
		all[list.Items[i].Name] = string(text)
	}
	return all
}

func membersOf(s *v1alpha1.NodeKillOrderStatus) string {
	var evicted, killed []string
	for i := range s.EvictionOrder {
		evicted = append(evicted, s.EvictionOrder[i].Pod)
	}
	for i := range s.OOMOrder {
		killed = append(killed, s.OOMOrder[i].Pod)
	}
	slices.Sort(evicted)
	slices.Sort(killed)
	source := v1alpha1.UsageSourceNone
	if s.Usage != nil {
		source = s.Usage.Source
	}
	return fmt.Sprint(source, evicted, killed)
}

// events counts the operator's Events by reason, subject and what their names say beside the time.
func events(ctx context.Context) map[string]int {
	GinkgoHelper()
	list, counts := &eventsv1.EventList{}, map[string]int{}
	Expect(k8s.List(ctx, list)).To(Succeed())
	for i := range list.Items {
		if e := &list.Items[i]; strings.HasPrefix(e.ReportingController, "killorder.io/") {
			counts[fmt.Sprintf("%s %s %s", e.Reason, e.Regarding.Name, e.Name[:strings.LastIndex(e.Name, ".")])]++
		}
	}
	return counts
}

// unchanged expects that soon no order is written for two passes: a process that begins to lead knows no earlier readings, and
// may write each order once more.
func unchanged(ctx context.Context, nodes ...string) {
	GinkgoHelper()
	was, since := map[string]*v1alpha1.NodeKillOrder{}, time.Now()
	Eventually(func(g Gomega) {
		for _, node := range nodes {
			before, now := was[node], k8s.Order(ctx, node)()
			if was[node] = now; before == nil || before.ResourceVersion == now.ResourceVersion {
				continue
			}
			since = time.Now()
			g.Expect(cmp.Diff(before.Status, now.Status)).To(BeEmpty(), "%s was written (-before +after)", node)
		}
		g.Expect(time.Since(since)).To(BeNumerically(">", 11*time.Second), "no order was written for that long")
	}, 2*time.Minute, time.Second).Should(Succeed())
}
