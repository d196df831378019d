//go:build kubernetes_1_34

package main

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/kubelet/allocation"
	"k8s.io/kubernetes/pkg/kubelet/eviction"
)

func newAllocationManager() allocation.Manager {
	return allocation.NewInMemoryManager(nil, nil, nil, nil, nil, nil)
}

func setAllocated(m allocation.Manager, p *corev1.Pod) error { return m.SetAllocatedResources(p) }

// podLevelStatus: this kubelet does not report status.allocatedResources of pods.
func podLevelStatus() bool { return false }

func start(m eviction.Manager, d eviction.DiskInfoProvider, active eviction.ActivePodsFunc, cleanedUp eviction.PodCleanedUpFunc) {
	m.Start(d, active, cleanedUp, time.Nanosecond)
}
