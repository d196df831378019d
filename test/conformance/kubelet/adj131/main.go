// Command adj131 is the oom_score_adj of a kubelet 1.31, and the request that it ranks a pod by for eviction: it answers
// questions, one JSON value after the other, with what that kubelet's own code says. The judge is a module of its own, since
// it is built from Kubernetes v1.31.14.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	v1resource "k8s.io/kubernetes/pkg/api/v1/resource"
	"k8s.io/kubernetes/pkg/kubelet/qos"
)

// answer has the container's oom_score_adj, and the pod's memory request in bytes (exceedMemoryRequests and memory in
// pkg/kubelet/eviction/helpers.go call the same function).
type answer struct {
	Adj     int
	Request int64
}

// question asks for the oom_score_adj of a container of a pod, on a node with that memory capacity in bytes.
type question struct {
	Pod       *corev1.Pod
	Container *corev1.Container
	Capacity  int64
}

func main() {
	decode, encode := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for decode.More() {
		var q question
		if err := decode.Decode(&q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		score := qos.GetContainerOOMScoreAdjust(q.Pod, q.Container, q.Capacity)
		a := answer{score, v1resource.GetResourceRequest(q.Pod, corev1.ResourceMemory)}
		if err := encode.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
