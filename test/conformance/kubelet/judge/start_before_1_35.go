//go:build before_1_35

package main

import (
	"time"

	"k8s.io/kubernetes/pkg/kubelet/eviction"
)

func start(m eviction.Manager, d eviction.DiskInfoProvider, active eviction.ActivePodsFunc, cleanedUp eviction.PodCleanedUpFunc) {
	m.Start(d, active, cleanedUp, time.Nanosecond)
}
