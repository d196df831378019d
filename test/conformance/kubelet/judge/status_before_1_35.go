//go:build before_1_35

package main

import corev1 "k8s.io/api/core/v1"

// allocatedResources of pods are not reported by these kubelets.
func allocatedResources(*corev1.Pod) map[string]string { return nil }
