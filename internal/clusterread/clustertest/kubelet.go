package clustertest

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// Kubelet is what a kubelet answers, a server error if it is empty.
type Kubelet struct{ Summary, Configz string }

func (s *Server) review(w http.ResponseWriter, r *http.Request) {
	review := &authorizationv1.SelfSubjectAccessReview{}
	review.Status.Allowed = s.Kubelets != nil
	if r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	s.answer(w, "authorization.k8s.io/v1", "SelfSubjectAccessReview", review)
}

// proxy answers as a node's kubelet behind the API server's proxy.
func (s *Server) proxy(w http.ResponseWriter, r *http.Request) {
	node, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/nodes/"), "/proxy/")
	answer := ""
	switch k := s.Kubelets[node]; {
	case path == "stats/summary" && r.URL.RawQuery == "only_cpu_and_memory=true":
		answer = k.Summary
	case path == "configz":
		answer = k.Configz
	}
	if answer == "" {
		http.Error(w, "the kubelet does not feel well", http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprint(w, answer)
}

// SummaryOf is the stats of a node of 16Gi with one pod of one container.
func SummaryOf(node, pod string) string {
	now := time.Now().UTC().Format(time.RFC3339)
	return fmt.Sprintf(`{"node": {"nodeName": %[1]q, "memory": {"time": %[3]q,
		"availableBytes": 1073741824, "workingSetBytes": 16106127360},
		"systemContainers": [{"name": "pods", "memory": {"time": %[3]q, "workingSetBytes": 12884901888}}]},
		"pods": [{"podRef": {"name": %[2]q, "namespace": "shop"}, "memory": {"time": %[3]q, "workingSetBytes": 209715200},
		"containers": [{"name": "app", "memory": {"time": %[3]q, "workingSetBytes": 209715200, "rssBytes": 104857600}}]}]}`, node, pod, now)
}

// Configz is a kubelet's configuration.
const Configz = `{"kubeletconfig": {"evictionHard": {"memory.available": "300Mi"}, "kubeReserved": {"memory": "1Gi"},
	"enforceNodeAllocatable": ["pods"], "configMapAndSecretChangeDetectionStrategy": "Watch"}}`
