package extract

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/killorder/killorder/internal/facts"
)

// podLevelSince is the minor version from which on empty pod-level resources, `resources: {}`, no longer decide the QoS
// class (pkg/apis/core/v1/helper/qos/qos.go, v1.37.2 against v1.36.3).
const podLevelSince = 37

// Template returns the facts of a pod that a manifest would make, before the pod is bound to a node. minor is the version
// of Kubernetes 1 that the manifest is meant for, 0 for the newest known: the QoS class depends on it.
func Template(p *corev1.Pod, minor int) *facts.Pod {
	f := Pod(p)
	if r := p.Spec.Resources; r != nil && minor > 0 && minor < podLevelSince {
		f.QOS = requirementsQOS(r)
	}
	return f
}
