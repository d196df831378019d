package e2e

import (
	"strconv"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/test/e2e/node"
)

// kubeletMemory is the node's memory by the kubelet's own answers, in bytes.
type kubeletMemory struct {
	// hard and soft thresholds of memory.available, 0 for none; grace is the soft one's.
	hard, soft int64
	grace      time.Duration
	// podsHard is the hard threshold of allocatableMemory.available.
	podsHard int64
	// node is memory.available, pods is allocatableMemory.available.
	node, pods reading
}

// reading is what the kubelet's eviction manager reads off the summary, as makeSignalObservations in
// kubernetes/pkg/kubelet/eviction/helpers.go does.
type reading struct{ available, limit int64 }

func readingOf(g gomega.Gomega, m *stats.MemoryStats) reading {
	g.Expect(m).NotTo(gomega.BeNil())
	g.Expect(m.AvailableBytes).NotTo(gomega.BeNil())
	g.Expect(m.WorkingSetBytes).NotTo(gomega.BeNil())
	return reading{available: int64(*m.AvailableBytes), limit: int64(*m.AvailableBytes + *m.WorkingSetBytes)}
}

// headroom of allocatableMemory.available.
func (k *kubeletMemory) headroom() int64 { return k.pods.available - k.podsHard }

// readKubeletMemory asks the kubelet for its configuration and its readings. The limit of the pods is read from their
// control group, where the kubelet has subtracted its reservations. The kubelet's threshold follows from what it reports as
// allocatable. Neither figure is computed here.
func readKubeletMemory(ctx ginkgo.SpecContext, g gomega.Gomega) (k kubeletMemory) {
	config, err := machine.Configz(ctx)
	g.Expect(err).NotTo(gomega.HaveOccurred())
	summary, err := machine.Summary(ctx)
	g.Expect(err).NotTo(gomega.HaveOccurred())
	k.node = readingOf(g, summary.Node.Memory)
	for i := range summary.Node.SystemContainers {
		if c := &summary.Node.SystemContainers[i]; c.Name == stats.SystemContainerPods {
			k.pods = readingOf(g, c.Memory)
		}
	}
	var n corev1.Node
	g.Expect(api.Get(ctx, client.ObjectKey{Name: node.Name}, &n)).To(gomega.Succeed())
	k.hard = k.pods.limit - n.Status.Allocatable.Memory().Value()
	for name, amount := range n.Status.Capacity {
		if strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) {
			k.hard -= amount.Value()
		}
	}
	const memoryAvailable = "memory.available"
	k.podsHard = threshold(g, config.EvictionHard[memoryAvailable], k.pods.limit)
	k.soft = threshold(g, config.EvictionSoft[memoryAvailable], k.node.limit)
	if k.soft > 0 {
		k.grace, err = time.ParseDuration(config.EvictionSoftGracePeriod[memoryAvailable])
		g.Expect(err).NotTo(gomega.HaveOccurred())
	}
	return k
}

// threshold is a threshold of the configuration in bytes. A percentage is of limit, the limit of the signal in bytes.
func threshold(g gomega.Gomega, text string, limit int64) int64 {
	if text == "" {
		return 0
	}
	if number, isPercentage := strings.CutSuffix(text, "%"); isPercentage {
		percent, err := strconv.ParseFloat(number, 32)
		g.Expect(err).NotTo(gomega.HaveOccurred())
		return int64(float64(limit) * float64(float32(percent)/100))
	}
	q, err := resource.ParseQuantity(text)
	g.Expect(err).NotTo(gomega.HaveOccurred())
	return q.Value()
}
