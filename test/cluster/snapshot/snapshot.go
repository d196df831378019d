// Package snapshot writes a scenario as the folder that `kubectl-killorder -f`
// reads: the objects that an API server would hold and the answers of each
// node's kubelet, at one moment. It needs no cluster, and the same scenario and
// moment give the same bytes.
package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/killorder/killorder/test/cluster/kubelets"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// kubeletAddress and kubeletPort are the address and the port of the kubelets in
// the objects. Nobody calls this address, because the folder holds the answers.
const (
	kubeletAddress = "192.0.2.1"
	kubeletPort    = 10250
)

// Files returns the content of the folder's files by their path in the folder.
// began is when the containers started and memory began to change; at is the
// moment that the snapshot shows.
func Files(model *scenario.Model, began, at time.Time) (map[string][]byte, error) {
	var objects []any
	for _, n := range model.Namespaces {
		objects = append(objects, namespace(n, began))
	}
	for _, class := range model.PriorityClasses {
		objects = append(objects, priorityClass(class, began))
	}
	for _, n := range model.Nodes {
		objects = append(objects, node(n, began))
	}
	for _, n := range model.Nodes {
		for _, p := range n.Pods {
			objects = append(objects, pod(p, model.PriorityClasses, began))
		}
	}
	all, err := documents(objects)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"objects.yaml": all}
	for _, n := range model.Nodes {
		if n.Class.Kubelet.Unreachable {
			continue
		}
		if err := answers(files, n, began, at); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func documents(objects []any) ([]byte, error) {
	var out bytes.Buffer
	for _, object := range objects {
		text, err := yaml.Marshal(object)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "---\n%s", text)
	}
	return out.Bytes(), nil
}

// answers adds what a node's kubelet would answer.
func answers(files map[string][]byte, n *scenario.Node, began, at time.Time) error {
	configz, err := kubelets.Configz(n, kubeletAddress, kubeletPort)
	if err != nil {
		return err
	}
	for name, answer := range map[string]any{"stats-summary.json": kubelets.Summary(n, began, at), "configz.json": configz} {
		text, err := json.MarshalIndent(answer, "", " ")
		if err != nil {
			return err
		}
		files[path.Join("kubelet", n.Name, name)] = append(text, '\n')
	}
	return nil
}

// meta adds to an object's name and labels what the API server would add: a UID
// and the time of creation.
func meta(m metav1.ObjectMeta, kind string, created time.Time) metav1.ObjectMeta {
	m.UID = types.UID(scenario.StableUID(kind, m.Namespace, m.Name))
	m.CreationTimestamp = metav1.NewTime(created)
	return m
}

func namespace(n scenario.Namespace, created time.Time) *corev1.Namespace {
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: meta(metav1.ObjectMeta{Name: n.Name, Labels: n.Labels}, "Namespace", created),
		Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
	}
}

func priorityClass(class scenario.PriorityClass, created time.Time) *schedulingv1.PriorityClass {
	return &schedulingv1.PriorityClass{
		TypeMeta:   metav1.TypeMeta{APIVersion: "scheduling.k8s.io/v1", Kind: "PriorityClass"},
		ObjectMeta: meta(metav1.ObjectMeta{Name: class.Name}, "PriorityClass", created),
		Value:      class.Value,
	}
}

// node returns the Node object and stores its UID in the model, because the
// mirror pods of static pods name the Node's UID as their owner.
func node(n *scenario.Node, created time.Time) *corev1.Node {
	object := scenario.NodeObject(n, kubeletAddress, kubeletPort, created)
	object.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}
	object.ObjectMeta = meta(object.ObjectMeta, "Node", created)
	n.UID = string(object.UID)
	return object
}

// pod returns the Pod object and stores in the model the UID by which the kubelet
// knows the pod.
func pod(p *scenario.Pod, classes []scenario.PriorityClass, created time.Time) *corev1.Pod {
	object := scenario.PodObject(p)
	object.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	object.ObjectMeta = meta(object.ObjectMeta, "Pod", created)
	admit(object, classes)
	p.UID = scenario.KubeletUID(p, object.UID)
	scenario.SetPodStatus(object, p, kubeletAddress, created)
	return object
}

// Write writes the files into a folder. Write first removes the folder's old
// kubelet answers, so that none stays of a node that is gone.
func Write(folder string, files map[string][]byte) error {
	if err := os.RemoveAll(filepath.Join(folder, "kubelet")); err != nil {
		return err
	}
	for name, data := range files {
		full := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
