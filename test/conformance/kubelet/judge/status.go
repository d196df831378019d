//go:build !before_1_35

package main

import (
	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/kubernetes/pkg/features"
)

// allocatedResources is status.allocatedResources of a pod as convertToAPIPodStatus has it (pkg/kubelet/kubelet_pods.go);
// nil where the kubelet does not report the field.
func allocatedResources(p *corev1.Pod) map[string]string {
	if !utilfeature.DefaultFeatureGate.Enabled(features.InPlacePodLevelResourcesVerticalScaling) {
		return nil
	}
	all := map[string]string{}
	requests := resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{
		SkipPodLevelResources: !utilfeature.DefaultFeatureGate.Enabled(features.PodLevelResources),
	})
	for name, q := range requests {
		all[string(name)] = q.String()
	}
	return all
}
