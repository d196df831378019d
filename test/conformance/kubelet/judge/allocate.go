//go:build !before_1_33

package main

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// allocated returns the pods as eviction and oom_score_adj see them: with what the kubelet has allocated in
// place of what they ask for (pkg/kubelet/kubelet_pods.go getAllocatedPods).
func allocated(given []wire.KubeletPod[corev1.Pod]) ([]*corev1.Pod, error) {
	manager := newAllocationManager()
	pods := make([]*corev1.Pod, len(given))
	for i := range given {
		admitted := &given[i].Pod
		if given[i].Allocated != nil {
			admitted = given[i].Allocated
		}
		if err := setAllocated(manager, admitted); err != nil {
			return nil, err
		}
		pods[i], _ = manager.UpdatePodFromAllocation(&given[i].Pod)
	}
	return pods, nil
}
