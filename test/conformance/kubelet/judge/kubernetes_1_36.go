//go:build kubernetes_1_36

package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/kubelet/allocation"
	"k8s.io/kubernetes/pkg/kubelet/eviction"
)

func newAllocationManager() allocation.Manager {
	return allocation.NewInMemoryManager(nil, nil, nil, nil, nil, nil)
}

func setAllocated(m allocation.Manager, p *corev1.Pod) error { return m.SetAllocatedResources(p) }

// podLevelStatus: the kubelet reports status.allocatedResources of pods.
func podLevelStatus() bool {
	return utilfeature.DefaultFeatureGate.Enabled(features.InPlacePodLevelResourcesVerticalScaling)
}

func start(m eviction.Manager, d eviction.DiskInfoProvider, active eviction.ActivePodsFunc, cleanedUp eviction.PodCleanedUpFunc) {
	m.Start(context.Background(), d, active, cleanedUp, time.Nanosecond)
}
