//go:build !before_1_33

package main

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/registry/core/pod"
)

// resize is the API server's handling of an update through the resize subresource.
func resize(created, wanted *corev1.Pod) (_ *corev1.Pod, rejected string, err error) {
	before, err := decode(created)
	if err != nil {
		return nil, "", err
	}
	resizing := created.DeepCopy()
	resizing.ResourceVersion, before.ResourceVersion = "1", "1" // an update has one
	takeResources(&resizing.Spec, &wanted.Spec)
	after, err := decode(resizing)
	if err != nil {
		return nil, "", err
	}
	ctx := podContext(created, "resize")
	pod.ResizeStrategy.PrepareForUpdate(ctx, after, before)
	if errs := pod.ResizeStrategy.ValidateUpdate(ctx, after, before); len(errs) > 0 {
		return nil, errs.ToAggregate().Error(), nil
	}
	resized, err := encode(after)
	return resized, "", err
}

func takeResources(to, from *corev1.PodSpec) {
	to.Resources = from.Resources
	for i := range min(len(to.Containers), len(from.Containers)) {
		to.Containers[i].Resources = from.Containers[i].Resources
	}
	for i := range min(len(to.InitContainers), len(from.InitContainers)) {
		to.InitContainers[i].Resources = from.InitContainers[i].Resources
	}
}
