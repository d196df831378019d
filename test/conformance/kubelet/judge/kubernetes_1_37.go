//go:build !before_1_37

package main

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet/allocation"
)

// What differs between the versions is the shape of calls, not their meaning. Where each version from 1.33 on has its own
// shape, it has a file like this one; other files say by their build constraint before which version they hold.

func newAllocationManager() allocation.Manager {
	return allocation.NewInMemoryManager(klog.Background(), nil, nil, nil, nil, nil, nil)
}

func setAllocated(m allocation.Manager, p *corev1.Pod) error {
	return m.SetAllocatedResources(klog.Background(), p)
}
