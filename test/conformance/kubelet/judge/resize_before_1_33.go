//go:build before_1_33

package main

import corev1 "k8s.io/api/core/v1"

// resize is refused: InPlacePodVerticalScaling is off by default before 1.33.
func resize(*corev1.Pod, *corev1.Pod) (_ *corev1.Pod, rejected string, err error) {
	return nil, "in-place resize is off by default in this version", nil
}
