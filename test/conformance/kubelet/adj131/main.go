// Command adj131 is the oom_score_adj of a kubelet 1.31: it answers questions, one JSON value after the other, with what
// that kubelet's own code gives a container. The judge is a module of its own, since it is built from Kubernetes v1.31.14.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/kubelet/qos"
)

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
		if err := encode.Encode(qos.GetContainerOOMScoreAdjust(q.Pod, q.Container, q.Capacity)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
