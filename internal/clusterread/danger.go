package clusterread

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// allAsked is the largest number of nodes whose kubelets are all asked in any case. To ask a thousand kubelets through the API
// server takes nearly as long as everything else that rank does (docs/plugin.md).
const allAsked = 100

// freshReading is how old a reading of metrics.k8s.io may be for its node to count as calm.
const freshReading = 3 * time.Minute

// readUsageAndKubelets reads how much memory pods and nodes use. If there are many nodes, metrics.k8s.io tells first which nodes may
// run out of memory, and only the kubelets of these nodes are asked, unless everyKubelet is set. besides reads other objects meanwhile.
func (c *cluster) readUsageAndKubelets(ctx context.Context, everyKubelet bool, besides func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	source := c.snapshot.Policy.Source
	everyKubelet = everyKubelet || len(c.snapshot.Nodes) <= allAsked || source == facts.SourceKubelet
	var (
		wg                       sync.WaitGroup
		usageNotes, kubeletNotes []string
		ofKubelets               []fromKubelet
	)
	wg.Go(func() { usageNotes = c.readUsage(ctx) })
	if everyKubelet {
		wg.Go(func() { ofKubelets, kubeletNotes = c.readKubelets(ctx, c.everyNode()) })
	}
	err := besides()
	if err != nil {
		cancel()
	}
	wg.Wait()
	if err != nil {
		return err
	}
	if !everyKubelet && source != facts.SourceMetricsAPI {
		inDanger := c.nodesInDanger(time.Now())
		if ofKubelets, kubeletNotes = c.readKubelets(ctx, inDanger); kubeletNotes == nil && len(inDanger) < len(c.snapshot.Nodes) {
			kubeletNotes = []string{calmNote(len(c.snapshot.Nodes)-len(inDanger), len(c.snapshot.Nodes))}
		}
	}
	c.snapshot.Now = time.Now()
	c.notes(kubeletNotes)
	if !c.takeKubelets(ofKubelets) {
		c.notes(usageNotes)
		if len(usageNotes) > 0 {
			return nil // why there are no readings has been said
		}
	}
	pods, nodes := c.readings.Len()
	c.notes(c.snapshot.Unmatched(pods, nodes, c.snapshot.Now.Add(-youngest)))
	return nil
}

func calmNote(calm, all int) string {
	return fmt.Sprintf("%d of %d kubelets were not asked: their nodes have more than a quarter of their memory left, by metrics.k8s.io. "+
		"There, thresholds are inferred and the kernel's order is estimated (--kubelets all asks all)", calm, all)
}

// everyNode is the indexes of all nodes.
func (c *cluster) everyNode() []int {
	all := make([]int, len(c.snapshot.Nodes))
	for i := range all {
		all[i] = i
	}
	return all
}

// nodesInDanger are the indexes of nodes that may have less than a quarter of their memory left: of the node as a whole, or of
// what is allocatable to pods. A node belongs to them unless fresh readings of metrics.k8s.io show the contrary.
func (c *cluster) nodesInDanger(now time.Time) (indexes []int) {
	for i := range c.snapshot.Nodes {
		if !c.calm(&c.snapshot.Nodes[i], now) {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

func (c *cluster) calm(n *facts.Node, now time.Time) bool {
	node, ok := c.snapshot.Metrics.Node(n.Name)
	if !ok || node.WorkingSet == facts.Unknown || now.Sub(node.ObservedAt) > freshReading || n.MemoryPressure == facts.StateTrue {
		return false
	}
	used := int64(0)
	for _, p := range c.snapshot.PodsOf(n.Name) {
		if r, ok := c.snapshot.Metrics.Pod(p.Namespace, p.Name); ok && r.WorkingSet != facts.Unknown {
			used += r.WorkingSet
		}
	}
	return n.Capacity > 0 && node.WorkingSet <= n.Capacity/4*3 && used <= n.Allocatable/4*3
}
