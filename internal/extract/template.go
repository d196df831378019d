package extract

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
)

// Template returns the facts of a pod that a manifest would make, before the pod is bound to a node. minor is the version
// of Kubernetes 1 that the manifest is meant for, 0 for the newest known: the QoS class depends on it.
func Template(p *corev1.Pod, minor int) *facts.Pod {
	f := Pod(p)
	f.QOS = QOS(p, minor)
	return f
}
