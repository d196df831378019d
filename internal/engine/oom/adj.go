// Package oom is the kernel's OOM killer: the oom_score_adj that the kubelet gives each container, badness,
// and whom the kernel would kill. It mirrors GetContainerOOMScoreAdjust in pkg/kubelet/qos/policy.go of
// Kubernetes v1.37.2 (of older kubelets as facts.Since says), and oom_badness in mm/oom_kill.c and proc_oom_score in
// fs/proc/base.c of Linux 6.18.
package oom

import (
	"errors"

	"github.com/killorder/killorder/internal/facts"
)

// Bounds of oom_score_adj for containers.
const (
	guaranteedAdj = -997
	bestEffortAdj = 1000
	// burstableMin keeps Burstable above Guaranteed, whose oom_score may reach 3 at 100% of memory.
	burstableMin = 1000 + guaranteedAdj
	burstableMax = bestEffortAdj - 1
)

// ErrNoCapacity says that the node reports no memory capacity, so a share of it cannot be computed. The kubelet's
// own code divides by zero here.
var ErrNoCapacity = errors.New("node reports no memory capacity")

// ScoreAdj returns the oom_score_adj, -997..1000, of container i of the pod on a node with that memory
// capacity in bytes (not allocatable), as the newest kubelet gives it.
func ScoreAdj(p *facts.Pod, i int, capacity int64) (int32, error) {
	return scoreAdj(p, i, capacity, true)
}

// AdjOn returns the oom_score_adj, -997..1000, of container i of the pod on that node, as the node's kubelet gives it.
func AdjOn(n *facts.Node, p *facts.Pod, i int) (int32, error) {
	return scoreAdj(p, i, n.Capacity, n.Follows(facts.SidecarScores))
}

func scoreAdj(p *facts.Pod, i int, capacity int64, sidecarScores bool) (int32, error) {
	if then := p.Containers[i].AtStart; then != nil {
		p = then // the value that was written when the container started stays
	}
	switch {
	case p.NodeCritical, p.QOS == facts.Guaranteed:
		return guaranteedAdj, nil
	case p.QOS == facts.BestEffort:
		return bestEffortAdj, nil
	case capacity <= 0:
		return 0, ErrNoCapacity
	}
	c := &p.Containers[i]
	adj := burstableAdj(c.Request+p.Claimed(i)+p.AdjShare, capacity)
	if c.Kind == facts.Sidecar && sidecarScores {
		// A sidecar should not die before the containers that it serves.
		adj = min(adj, burstableAdj(smallestRegularRequest(p)+p.AdjShare, capacity))
	}
	return int32(min(max(adj, burstableMin), burstableMax)), nil
}

func burstableAdj(request, capacity int64) int64 {
	return 1000 - 1000*min(request, facts.MaxBytes)/capacity
}

func smallestRegularRequest(p *facts.Pod) int64 {
	smallest := facts.MaxBytes
	for i := range p.Containers {
		if c := &p.Containers[i]; c.Kind == facts.Regular {
			smallest = min(smallest, c.Request+p.Claimed(i))
		}
	}
	return smallest
}
