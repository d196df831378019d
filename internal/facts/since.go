package facts

import (
	"strconv"
	"strings"
)

// Since is the minor version of Kubernetes 1 whose kubelet is the first to follow a rule. These constants are the one
// list of rules that depend on the version of a kubelet; docs/accuracy.md has it as a table.
type Since int

// The rules that depend on the version. Sources are in k8s.io/kubernetes/pkg, each read at the version before and at the
// version named.
const (
	// SidecarScores: a restartable init container's oom_score_adj is no higher than that of the container with the
	// smallest request (kubelet/qos/policy.go, absent in v1.31.6, there in v1.32.4).
	SidecarScores Since = 32
	// PodLevelResources: the kubelet takes requests and limits of the pod's own into account; on by default, beta
	// (features/kube_features.go of v1.34.0).
	PodLevelResources Since = 34
	// SidecarRequests: for eviction a restartable init container's request adds up with those of the containers
	// (api/v1/resource/helpers.go GetResourceRequestQuantity, v1.33.5 and v1.34.4). Before, it counts as any init container's.
	SidecarRequests Since = 34
	// HugepageAwareEviction: memory.available leaves huge pages out (kubelet/server/stats/summary.go of v1.37.2).
	HugepageAwareEviction Since = 37
	// EmptyPodResources: an empty `resources: {}` of the pod's own no longer decides the QoS class
	// (apis/core/v1/helper/qos/qos.go of v1.37.2).
	EmptyPodResources Since = 37
)

// OldestJudged is the minor version of the oldest kubelet that the order was compared with, by running that kubelet's own
// code (test/conformance/kubelet).
const OldestJudged = 28

// Old reports whether the node's kubelet is older than any that the orders were compared with.
func (n *Node) Old() bool { return n.Minor > 0 && n.Minor < OldestJudged && !n.Virtual }

// Follows reports whether the node's kubelet follows the rule. A kubelet of unknown version counts as one of the newest.
func (n *Node) Follows(rule Since) bool { return n.Minor == 0 || n.Minor >= int(rule) }

// Minor returns the minor version in a kubelet's version: 37 for "v1.37.2" and "v1.37.2-gke.100", 0 for what is no version
// of Kubernetes 1.
func Minor(version string) int {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 || parts[0] != "1" {
		return 0
	}
	m, err := strconv.Atoi(parts[1])
	if err != nil || m < 0 {
		return 0
	}
	return m
}
