package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/kubelet/qos"
)

// adjs is the oom_score_adj that the kubelet asks the runtime for, by container, when it starts the containers of a
// pod allocated like that on a node with that memory capacity in bytes.
func adjs(p *corev1.Pod, running []string, capacity int64) (map[string]int, error) {
	byName := make(map[string]int, len(running))
	for _, name := range running {
		c := find(&p.Spec, name)
		if c == nil {
			return nil, fmt.Errorf("pod %s/%s has no container %s", p.Namespace, p.Name, name)
		}
		byName[name] = qos.GetContainerOOMScoreAdjust(p, c, capacity)
	}
	return byName, nil
}

func find(spec *corev1.PodSpec, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	for i := range spec.EphemeralContainers {
		if c := corev1.Container(spec.EphemeralContainers[i].EphemeralContainerCommon); c.Name == name {
			return &c
		}
	}
	return nil
}
