package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/killorder/killorder/test/cluster/scenario"
)

// The methods below make pods and nodes come and go. Each can be called again
// after an error, until it succeeds.

// RemovePod deletes a pod. Its node's kubelet no longer reports the pod.
func (c *Cluster) RemovePod(ctx context.Context, pod *scenario.Pod) error {
	if err := c.deletePod(ctx, pod); err != nil {
		return err
	}
	c.kubelets.Replace(pod.Node, pod, nil)
	return nil
}

// AddPod creates a pod, which runs at once.
func (c *Cluster) AddPod(ctx context.Context, pod *scenario.Pod) error {
	load, err := c.loadNow()
	if err != nil {
		return err
	}
	if err := load.Pod(ctx, pod); err != nil {
		return err
	}
	c.kubelets.Replace(pod.Node, nil, pod)
	return nil
}

// LabelPod sets a label of a pod; an empty value removes the label. LabelPod
// returns the pod that stands for the labelled pod in the model from now on.
func (c *Cluster) LabelPod(ctx context.Context, pod *scenario.Pod, label, value string) (*scenario.Pod, error) {
	class, labelled := *pod.Class, *pod
	class.Labels, labelled.Class = maps.Clone(class.Labels), &class
	values := map[string]*string{label: nil}
	if delete(class.Labels, label); value != "" {
		if class.Labels == nil {
			class.Labels = map[string]string{}
		}
		class.Labels[label], values[label] = value, &value
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": values}})
	if err != nil {
		return nil, err
	}
	_, err = c.client.CoreV1().Pods(class.Namespace).Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return nil, fmt.Errorf("label of Pod %s/%s: %w", class.Namespace, pod.Name, err)
	}
	c.kubelets.Replace(pod.Node, pod, &labelled)
	return &labelled, nil
}

// RemoveNode deletes a Node that has no pods any more, and its kubelet no longer
// answers.
func (c *Cluster) RemoveNode(ctx context.Context, node *scenario.Node) error {
	c.kubelets.Stop(node)
	err := c.client.CoreV1().Nodes().Delete(ctx, node.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting Node %s: %w", node.Name, err)
	}
	return nil
}

// ReturnNode makes a new Node in the place of one that RemoveNode has removed,
// with the given pods.
func (c *Cluster) ReturnNode(ctx context.Context, node *scenario.Node, pods []*scenario.Pod) error {
	load, err := c.loadNow()
	if err != nil {
		return err
	}
	if err := load.Load(ctx, &scenario.Model{Nodes: []*scenario.Node{node}}); err != nil {
		return err
	}
	c.kubelets.Start(node)
	for _, pod := range pods {
		if err := load.Pod(ctx, pod); err != nil {
			return err
		}
	}
	for _, pod := range pods {
		c.kubelets.Replace(node, nil, pod)
	}
	return nil
}

// StopKubelets makes the kubelets of some nodes answer nobody until StartKubelets.
func (c *Cluster) StopKubelets(nodes ...*scenario.Node) { c.kubelets.Stop(nodes...) }

// StartKubelets makes kubelets answer again that StopKubelets has stopped.
func (c *Cluster) StartKubelets(nodes ...*scenario.Node) { c.kubelets.Start(nodes...) }

// Elapsed is how long memory has been changing.
func (c *Cluster) Elapsed() time.Duration { return c.kubelets.Elapsed() }
