package cluster

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/killorder/killorder/test/cluster/loader"
	"github.com/killorder/killorder/test/cluster/scenario"
)

// ChangePod does for one pod what its controller would do after a change of the
// workload's template: it deletes the pod and creates its successor, which runs
// at once.
func (c *Cluster) ChangePod(ctx context.Context, old *scenario.Pod, change func(*scenario.PodClass)) (*scenario.Pod, error) {
	if err := c.deletePod(ctx, old); err != nil {
		return nil, err
	}
	load, err := c.loadNow()
	if err != nil {
		return nil, err
	}
	successor := c.Scenario.Change(old, change)
	if err := load.Pod(ctx, successor); err != nil {
		return nil, err
	}
	c.kubelets.Replace(old.Node, old, successor)
	return successor, nil
}

func (c *Cluster) deletePod(ctx context.Context, pod *scenario.Pod) error {
	now := int64(0)
	err := c.client.CoreV1().Pods(pod.Class.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting Pod %s/%s: %w", pod.Class.Namespace, pod.Name, err)
	}
	return nil
}

// loadNow returns a loader of objects that start now.
func (c *Cluster) loadNow() (*loader.Loader, error) {
	return loader.New(c.config, c.kubelets.Address, time.Now(), func(string, int, int) {})
}

// Evict does what a kubelet does when it evicts a pod under memory pressure: it
// sets MemoryPressure on the node, creates an Event, and writes the pod's last
// status. The simulated kubelet no longer reports the pod.
func (c *Cluster) Evict(ctx context.Context, pod *scenario.Pod, available int64) error {
	at := metav1.Now()
	object, err := c.client.CoreV1().Pods(pod.Class.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if err := c.underPressure(ctx, pod.Node, at); err != nil {
		return err
	}
	event := scenario.EvictionEvent(pod, object, c.kubelets.Elapsed(), available, at)
	if _, err := c.client.CoreV1().Events(event.Namespace).Create(ctx, event, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating the Event: %w", err)
	}
	scenario.SetEvictedStatus(object, event.Message, at)
	if _, err := c.client.CoreV1().Pods(object.Namespace).UpdateStatus(ctx, object, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("status of Pod %s/%s: %w", object.Namespace, object.Name, err)
	}
	c.kubelets.Replace(pod.Node, pod, nil)
	return nil
}

func (c *Cluster) underPressure(ctx context.Context, n *scenario.Node, at metav1.Time) error {
	node, err := c.client.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for i := range node.Status.Conditions {
		condition := &node.Status.Conditions[i]
		if condition.Type == corev1.NodeMemoryPressure {
			condition.Status, condition.Reason = corev1.ConditionTrue, "KubeletHasInsufficientMemory"
			condition.Message, condition.LastTransitionTime = "kubelet has insufficient memory available", at
		}
	}
	if _, err := c.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("status of Node %s: %w", n.Name, err)
	}
	return nil
}
