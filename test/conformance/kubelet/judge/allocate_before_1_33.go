//go:build before_1_33

package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

// allocated returns the pods as they are: in-place resize is off by default in these kubelets, so what a pod asks for is
// what it was admitted with.
func allocated(given []wire.KubeletPod[corev1.Pod]) ([]*corev1.Pod, error) {
	pods := make([]*corev1.Pod, len(given))
	for i := range given {
		if given[i].Allocated != nil {
			return nil, fmt.Errorf("pod %s was resized, which this kubelet cannot do", given[i].Pod.Name)
		}
		pods[i] = &given[i].Pod
	}
	return pods, nil
}
