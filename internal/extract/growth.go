package extract

import (
	"time"

	"github.com/killorder/killorder/internal/facts"
)

// leastBetween is the least time between two readings of different sources that can tell growth: within less, both may be of
// the same moment.
const leastBetween = 10 * time.Second

// GrowthBetween gives a node's pods what they grew by between their readings in metrics.k8s.io and those of the kubelet, which
// are usually some seconds to a minute newer. Both are sums of the pod's containers, so that they can be compared; a pod of
// which a container has started since, or of which not every running container was read twice, is left as it is. It returns
// the longest time between two readings, 0 if no pod has two.
func GrowthBetween(n *facts.Node, metrics, kubelet facts.Readings) (between time.Duration) {
	for i := range n.Pods {
		p := &n.Pods[i]
		first, both := metrics.Pod(p.Namespace, p.Name)
		last, ok := kubelet.Pod(p.Namespace, p.Name)
		apart := last.ObservedAt.Sub(first.ObservedAt)
		switch {
		case p.WorkingSet == facts.Unknown, !both, !ok, apart < leastBetween, apart > facts.UnavailableAfter,
			startedAfter(p.Pod, first.ObservedAt):
			continue
		}
		before, _, all := sumOfOwn(p.Pod, &first)
		now, _, complete := sumOfOwn(p.Pod, &last)
		if !all || !complete {
			continue
		}
		p.Growth, p.GrowthKnown = now-before, true
		between = max(between, apart)
	}
	return between
}

// startedAfter reports whether a running container of the pod has started since.
func startedAfter(p *facts.Pod, at time.Time) bool {
	for i := range p.Containers {
		if c := &p.Containers[i]; c.Running && c.Started > at.UnixNano() {
			return true
		}
	}
	return false
}
