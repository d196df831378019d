//go:build kubernetes_1_34

package main

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/kubelet/allocation"
)

func newAllocationManager() allocation.Manager {
	return allocation.NewInMemoryManager(nil, nil, nil, nil, nil, nil)
}

func setAllocated(m allocation.Manager, p *corev1.Pod) error { return m.SetAllocatedResources(p) }
