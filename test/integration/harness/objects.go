package harness

import (
	"context"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
)

// API is a client of a control plane, and what suites make there and look at.
type API struct{ client.Client }

// CreateNode makes a Linux node of 16Gi with the kubelet's defaults.
func (k8s API) CreateNode(ctx context.Context, name string, change ...func(*corev1.Node)) *corev1.Node {
	ginkgo.GinkgoHelper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
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
	gomega.Expect(k8s.Create(ctx, node)).To(gomega.Succeed()) // with its status, as a kubelet does
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) {
		gomega.Expect(client.IgnoreNotFound(k8s.Delete(ctx, node))).To(gomega.Succeed())
		gomega.Eventually(k8s.OrderGone(ctx, name)).Should(gomega.BeTrue(), "the order of a node that is gone")
	})
	return node
}

// CreatePod makes a running pod with a memory request, "" for none. The node may come later.
func (k8s API) CreatePod(ctx context.Context, node, name, request string, change ...func(*corev1.Pod)) *corev1.Pod {
	ginkgo.GinkgoHelper()
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
	gomega.Expect(k8s.Create(ctx, pod)).To(gomega.Succeed())
	pod.Status.Phase = corev1.PodRunning
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
	}}
	gomega.Expect(k8s.Status().Update(ctx, pod)).To(gomega.Succeed())
	ginkgo.DeferCleanup(func(ctx ginkgo.SpecContext) {
		gomega.Expect(client.IgnoreNotFound(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0)))).To(gomega.Succeed())
	})
	return pod
}

// Order polls the order of a node; its status is empty until it is there.
func (k8s API) Order(ctx context.Context, node string) func() *v1alpha1.NodeKillOrder {
	return func() *v1alpha1.NodeKillOrder {
		o := &v1alpha1.NodeKillOrder{}
		if err := k8s.Get(ctx, client.ObjectKey{Name: node}, o); err != nil {
			return &v1alpha1.NodeKillOrder{}
		}
		return o
	}
}

// Policy polls the policy; it is empty until it is there.
func (k8s API) Policy(ctx context.Context) func() *v1alpha1.KillOrderPolicy {
	return func() *v1alpha1.KillOrderPolicy {
		p := &v1alpha1.KillOrderPolicy{}
		if err := k8s.Get(ctx, client.ObjectKey{Name: v1alpha1.PolicyName}, p); err != nil {
			return &v1alpha1.KillOrderPolicy{}
		}
		return p
	}
}

// ChangePolicy changes what the policy asks for, once the operator has made the policy. A patch without a version
// never conflicts with the status that the operator writes.
func (k8s API) ChangePolicy(ctx context.Context, change func(*v1alpha1.KillOrderPolicySpec)) {
	ginkgo.GinkgoHelper()
	gomega.Eventually(k8s.Policy(ctx)).Should(gomega.HaveField("UID", gomega.Not(gomega.BeEmpty())))
	p := k8s.Policy(ctx)()
	before := p.DeepCopy()
	change(&p.Spec)
	gomega.Expect(k8s.Patch(ctx, p, client.MergeFrom(before))).To(gomega.Succeed())
}

// OrderGone polls whether a node has no order.
func (k8s API) OrderGone(ctx context.Context, name string) func() bool {
	return func() bool {
		return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKey{Name: name}, &v1alpha1.NodeKillOrder{}))
	}
}

// EvictionOrder names the pods of an order, first to last.
func EvictionOrder(o *v1alpha1.NodeKillOrder) (pods []string) {
	for _, v := range o.Status.EvictionOrder {
		pods = append(pods, v.Pod)
	}
	return pods
}

// Reason of a condition of an order, "" where the order has no such condition.
func Reason(kind string) func(*v1alpha1.NodeKillOrder) string {
	return func(o *v1alpha1.NodeKillOrder) string {
		if c := meta.FindStatusCondition(o.Status.Conditions, kind); c != nil {
			return c.Reason
		}
		return ""
	}
}

// Ready is the reason of an order's Ready condition, "" while there is none.
func Ready(o *v1alpha1.NodeKillOrder) string {
	if c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Reason
	}
	return ""
}
