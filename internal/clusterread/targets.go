package clusterread

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedulingv1 "k8s.io/client-go/kubernetes/typed/scheduling/v1"
	"k8s.io/client-go/rest"

	"github.com/killorder/killorder/internal/clusterread/target"
	"github.com/killorder/killorder/internal/extract"
	"github.com/killorder/killorder/internal/facts"
)

// nodesOf returns the names of the nodes that the targets' pods run on.
func (c *cluster) nodesOf(ctx context.Context, targets []target.Ref) (nodes []string, err error) {
	for _, t := range targets {
		pods, err := c.podsOf(ctx, t)
		if err != nil {
			return nil, err
		}
		for _, p := range pods {
			nodes = append(nodes, p.Node)
		}
	}
	return nodes, nil
}

// podsOf finds the pods of a target: one pod with one request, else among all pods of its namespace.
func (c *cluster) podsOf(ctx context.Context, t target.Ref) ([]*facts.Pod, error) {
	if t.Kind == "" || t.Kind == target.Pod {
		p, err := c.kube.CoreV1().Pods(t.Namespace).Get(ctx, t.Name, metav1.GetOptions{})
		switch {
		case err == nil:
			return onNode(p)
		case !apierrors.IsNotFound(err):
			return nil, fmt.Errorf("pod %s/%s: %w", t.Namespace, t.Name, err)
		}
	}
	var pods []*facts.Pod
	err := eachPage(func(opts metav1.ListOptions) (metav1.ListInterface, error) {
		page, err := c.kube.CoreV1().Pods(t.Namespace).List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			if extract.Candidate(&page.Items[i]) {
				pods = append(pods, extract.Pod(&page.Items[i]))
			}
		}
		return page, nil
	}, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("pods of namespace %q: %w", t.Namespace, err)
	}
	return target.Find(pods, t)
}

// onNode is the pod, or why nothing can kill it.
func onNode(p *corev1.Pod) ([]*facts.Pod, error) {
	switch {
	case extract.Candidate(p):
		return []*facts.Pod{extract.Pod(p)}, nil
	case p.Spec.NodeName == "":
		return nil, fmt.Errorf("pod %s/%s is on no node yet: nothing can kill it", p.Namespace, p.Name)
	}
	return nil, fmt.Errorf("pod %s/%s has finished (%s): nothing can kill it; kubectl killorder diagnose says what did",
		p.Namespace, p.Name, p.Status.Phase)
}

// PriorityClass returns the value of a PriorityClass.
func PriorityClass(ctx context.Context, config *rest.Config, name string) (int32, error) {
	client, err := schedulingv1.NewForConfig(config)
	if err != nil {
		return 0, fmt.Errorf("client: %w", err)
	}
	class, err := client.PriorityClasses().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return 0, fmt.Errorf("PriorityClass %q: %w", name, err)
	}
	return class.Value, nil
}
