// Command judge answers what Kubernetes' own code would do with a node's pods: whether the API server would
// have them and with which defaults, in which order the kubelet would evict them, and which oom_score_adj
// their containers get. It speaks package wire on stdin and stdout. Everything that decides is
// k8s.io/kubernetes, whose version the modfile it is built with picks (see package kubelet).
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	"k8s.io/klog/v2"

	"github.com/killorder/killorder/test/conformance/kubelet/wire"
)

func main() {
	klog.SetLogger(logr.Discard())
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	buffered := bufio.NewWriter(out)
	decode, encode := json.NewDecoder(in), json.NewEncoder(buffered)
	if err := say(encode, buffered, hello()); err != nil {
		return err
	}
	for {
		var q wire.Question[corev1.Pod]
		switch err := decode.Decode(&q); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
		if err := say(encode, buffered, answer(&q)); err != nil {
			return err
		}
	}
}

func say(encode *json.Encoder, w *bufio.Writer, v any) error {
	if err := encode.Encode(v); err != nil {
		return err
	}
	return w.Flush()
}

func answer(q *wire.Question[corev1.Pod]) (a wire.Answer[corev1.Pod]) {
	var err error
	if q.Judge != nil {
		a.Verdict, err = judge(q.Judge)
	} else {
		a.Admitted, err = admitAll(q.Admit)
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

func judge(n *wire.Node[corev1.Pod]) (*wire.Verdict, error) {
	pods, err := allocated(n.Pods)
	if err != nil {
		return nil, err
	}
	s := starvation{node: n, pods: pods, workingSet: map[types.UID]*int64{}}
	for i := range n.Pods {
		s.workingSet[pods[i].UID] = n.Pods[i].WorkingSet
	}
	v := &wire.Verdict{Evicted: evictionOrder(s), Adjs: map[string]map[string]int{}}
	for i := range n.Pods {
		started := pods[i]
		if n.Pods[i].Started != nil {
			started = n.Pods[i].Started
			started.Spec.EphemeralContainers = pods[i].Spec.EphemeralContainers // they come later
		}
		if v.Adjs[string(pods[i].UID)], err = adjs(started, n.Pods[i].Running, n.Capacity); err != nil {
			return nil, err
		}
	}
	v.Preferred, err = preferences(s, n.Pairs)
	return v, err
}

func hello() wire.Hello {
	h := wire.Hello{Gates: map[string]bool{}}
	gates := utilfeature.DefaultFeatureGate.DeepCopy().GetAll()
	for _, name := range []featuregate.Feature{
		"InPlacePodVerticalScaling", "InPlacePodLevelResourcesVerticalScaling", "PodLevelResources",
		"DRANodeAllocatableResources", "PodLevelResourcesFixDefaulting", "PodLevelResourcesFixKubeletQOSClass",
	} {
		if _, known := gates[name]; known {
			h.Gates[string(name)] = utilfeature.DefaultFeatureGate.Enabled(name)
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "k8s.io/kubernetes" {
				h.Kubernetes = m.Version
			}
		}
	}
	return h
}
