package operator

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
)

// createNode makes a Linux node of 16Gi with the kubelet's defaults.
func createNode(ctx context.Context, name string, change ...func(*corev1.Node)) *corev1.Node {
	GinkgoHelper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(k8s.Create(ctx, node)).To(Succeed())
	node.Status = corev1.NodeStatus{
		Capacity:    corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("16Gi")},
		Allocatable: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("16284Mi")},
		NodeInfo: corev1.NodeSystemInfo{
			KubeletVersion: "v1.37.2", OperatingSystem: "linux", ContainerRuntimeVersion: "containerd://2.4.2",
		},
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse}},
	}
	for _, c := range change {
		c(node)
	}
	Expect(k8s.Status().Update(ctx, node)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, node))).To(Succeed())
		Eventually(gone(ctx, name)).Should(BeTrue(), "the order of a node that is gone")
	})
	return node
}

// createPod makes a running pod with a memory request, "" for none.
func createPod(ctx context.Context, node, name, request string, change ...func(*corev1.Pod)) *corev1.Pod {
	GinkgoHelper()
	container := corev1.Container{Name: "app", Image: "app:1"}
	if request != "" {
		container.Resources.Requests = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(request)}
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: corev1.PodSpec{
			NodeName: node, AutomountServiceAccountToken: new(false),
			Containers: []corev1.Container{container},
		},
	}
	for _, c := range change {
		c(pod)
	}
	Expect(k8s.Create(ctx, pod)).To(Succeed())
	pod.Status.Phase = corev1.PodRunning
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
	}}
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0)))).To(Succeed())
	})
	return pod
}

// order polls the order of a node; its status is empty until it is there.
func order(ctx context.Context, node string) func() *v1alpha1.NodeKillOrder {
	return func() *v1alpha1.NodeKillOrder {
		o := &v1alpha1.NodeKillOrder{}
		if err := k8s.Get(ctx, client.ObjectKey{Name: node}, o); err != nil {
			return &v1alpha1.NodeKillOrder{}
		}
		return o
	}
}

func gone(ctx context.Context, name string) func() bool {
	return func() bool {
		return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKey{Name: name}, &v1alpha1.NodeKillOrder{}))
	}
}

// evictionOrder names the pods of an order, first to last.
func evictionOrder(o *v1alpha1.NodeKillOrder) (pods []string) {
	for _, v := range o.Status.EvictionOrder {
		pods = append(pods, v.Pod)
	}
	return pods
}

func reason(kind string) func(*v1alpha1.NodeKillOrder) string {
	return func(o *v1alpha1.NodeKillOrder) string {
		if c := meta.FindStatusCondition(o.Status.Conditions, kind); c != nil {
			return c.Reason
		}
		return ""
	}
}
