package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/kubernetes/pkg/kubelet/eviction"
	evictionapi "k8s.io/kubernetes/pkg/kubelet/eviction/api"
	"k8s.io/utils/clock"

	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// starvation is a node that never has enough memory, and the eviction manager's whole surroundings.
type starvation struct {
	node *wire.Node[corev1.Pod]
	pods []*corev1.Pod
	// workingSet of the pods in bytes, nil where the kubelet has no stats.
	workingSet map[types.UID]*int64
	// order of the killed, by UID.
	order  []string
	killed map[types.UID]bool
	// asked: how many were killed when the manager last asked for the active pods, plus one.
	asked int
	// passes counts the summaries given; each must be newer than the one before.
	passes int
	over   chan struct{}
}

// evictionOrder lets the kubelet's eviction manager evict until nobody is left whom it would, and returns the
// UIDs in that order.
func evictionOrder(s starvation) []string {
	s.killed, s.over = map[types.UID]bool{}, make(chan struct{})
	signal := evictionapi.SignalMemoryAvailable
	if s.node.Allocatable {
		signal = evictionapi.SignalAllocatableMemoryAvailable
	}
	manager, _ := eviction.NewManager(&s, eviction.Config{
		Thresholds: []evictionapi.Threshold{{
			Signal: signal, Operator: evictionapi.OpLessThan,
			Value: evictionapi.ThresholdValue{Quantity: resource.NewQuantity(100<<20, resource.BinarySI)},
		}},
	}, s.kill, noGC{}, noGC{}, &record.FakeRecorder{}, &corev1.ObjectReference{Kind: "Node", Name: "node"}, hurry{}, false)
	start(manager, &s, s.active, func(*corev1.Pod) bool { return true })
	<-s.over
	return s.order
}

// preferences says whom of each pair the kubelet evicts first. Its sort is not stable in general, but insertion
// sort, which it uses for so few, is: without a preference, whoever is given first goes first.
func preferences(s starvation, pairs [][2]string) ([]string, error) {
	byUID := make(map[string]*corev1.Pod, len(s.pods))
	for _, p := range s.pods {
		byUID[string(p.UID)] = p
	}
	preferred := make([]string, len(pairs))
	for i, pair := range pairs {
		a, b := byUID[pair[0]], byUID[pair[1]]
		if a == nil || b == nil {
			return nil, fmt.Errorf("pair %v: no such pod", pair)
		}
		s.pods = []*corev1.Pod{a, b}
		one := evictionOrder(s)
		s.pods = []*corev1.Pod{b, a}
		other := evictionOrder(s)
		if len(one) > 0 && len(other) > 0 && one[0] == other[0] {
			preferred[i] = one[0]
		}
	}
	return preferred, nil
}

// active is the kubelet's getAllocatedPods: pods not finished (pkg/kubelet/kubelet_pods.go isPodInactive). When
// the manager asks and has evicted nobody since it last did, it has done what it would: its goroutine ends
// here, which is the one way to stop it in every version.
func (s *starvation) active() []*corev1.Pod {
	if s.asked == len(s.order)+1 {
		close(s.over)
		runtime.Goexit()
	}
	s.asked = len(s.order) + 1
	var active []*corev1.Pod
	for _, p := range s.pods {
		finished := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
		if !finished && !s.killed[p.UID] {
			active = append(active, p)
		}
	}
	return active
}

func (s *starvation) kill(p *corev1.Pod, _ bool, _ *int64, _ func(*corev1.PodStatus)) error {
	s.killed[p.UID] = true
	s.order = append(s.order, string(p.UID))
	return nil
}

// Get is the Summary API's answer on that node: one signal at 1 byte available, the other at all of it.
func (s *starvation) Get(context.Context, bool) (*stats.Summary, error) {
	s.passes++
	now := metav1.NewTime(time.Unix(1e9, 0).Add(time.Duration(s.passes) * time.Second))
	scarce, ample := s.memory(now, 1), s.memory(now, uint64(s.node.Capacity))
	if s.node.Allocatable {
		scarce, ample = ample, scarce
	}
	summary := &stats.Summary{Node: stats.NodeStats{
		Memory:           scarce,
		SystemContainers: []stats.ContainerStats{{Name: stats.SystemContainerPods, Memory: ample}},
	}}
	for _, p := range s.pods {
		if ws := s.workingSet[p.UID]; ws != nil && !s.killed[p.UID] {
			bytes := uint64(*ws)
			summary.Pods = append(summary.Pods, stats.PodStats{
				PodRef: stats.PodReference{Name: p.Name, Namespace: p.Namespace, UID: string(p.UID)},
				Memory: &stats.MemoryStats{Time: now, WorkingSetBytes: &bytes},
			})
		}
	}
	return summary, nil
}

// GetCPUAndMemoryStats completes stats.SummaryProvider.
func (s *starvation) GetCPUAndMemoryStats(ctx context.Context) (*stats.Summary, error) {
	return s.Get(ctx, true)
}

func (s *starvation) memory(at metav1.Time, available uint64) *stats.MemoryStats {
	used := uint64(s.node.Capacity) - min(available, uint64(s.node.Capacity))
	return &stats.MemoryStats{Time: at, AvailableBytes: &available, WorkingSetBytes: &used}
}

// HasDedicatedImageFs and HasDedicatedContainerFs: one file system.
func (s *starvation) HasDedicatedImageFs(context.Context) (bool, error) { return false, nil }

// HasDedicatedContainerFs completes eviction.DiskInfoProvider.
func (s *starvation) HasDedicatedContainerFs(context.Context) (bool, error) { return false, nil }

// noGC frees nothing.
type noGC struct{}

func (noGC) DeleteUnusedImages(context.Context) error        { return nil }
func (noGC) DeleteAllUnusedContainers(context.Context) error { return nil }

// IsContainerFsSeparateFromImageFs completes eviction.ContainerGC of kubelet 1.31.
func (noGC) IsContainerFsSeparateFromImageFs(context.Context) bool { return false }

// hurry is a clock whose tickers fire at once, so that nobody waits for an evicted pod's cleanup.
type hurry struct{ clock.RealClock }

func (hurry) NewTicker(time.Duration) clock.Ticker {
	c := make(chan time.Time, 1)
	c <- time.Time{}
	return ticker(c)
}

type ticker chan time.Time

func (t ticker) C() <-chan time.Time { return t }
func (ticker) Stop()                 {}
