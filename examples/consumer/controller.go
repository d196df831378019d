package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	killorder "github.com/killorder/killorder/api/v1alpha1"
)

// cordonedBy is a label of the nodes that this controller cordoned; it makes no other node schedulable again.
const cordonedBy = "consumer.killorder.io/cordoned"

// cordoner keeps new pods away from a node while a critical pod of it is about to be killed.
type cordoner struct {
	client.Client
	live client.Reader // uncached: to count what was cordoned a moment ago
	most int           // nodes cordoned at once
}

// Reconcile follows CriticalAtRisk. While readings are not fresh, or it is Unknown, the node stays as it is.
func (c *cordoner) Reconcile(ctx context.Context, order *killorder.NodeKillOrder) (ctrl.Result, error) {
	node := &corev1.Node{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(order), node); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	risk := meta.FindStatusCondition(order.Status.Conditions, killorder.ConditionCriticalAtRisk)
	fresh := meta.IsStatusConditionTrue(order.Status.Conditions, killorder.ConditionReady)
	switch {
	case risk == nil || !fresh:
		return ctrl.Result{}, nil
	case risk.Status == "True" && !node.Spec.Unschedulable:
		cordoned := &corev1.NodeList{}
		if err := c.live.List(ctx, cordoned, client.HasLabels{cordonedBy}); err != nil || len(cordoned.Items) >= c.most {
			log.FromContext(ctx).Info("not cordoned", "cordoned already", len(cordoned.Items), "most", c.most)
			return ctrl.Result{}, err
		}
		return ctrl.Result{}, c.set(ctx, node, true, risk.Message)
	case risk.Status == "False" && node.Labels[cordonedBy] != "":
		return ctrl.Result{}, c.set(ctx, node, false, risk.Message)
	}
	return ctrl.Result{}, nil
}

func (c *cordoner) set(ctx context.Context, node *corev1.Node, unschedulable bool, why string) error {
	before := client.MergeFrom(node.DeepCopy())
	node.Spec.Unschedulable = unschedulable
	delete(node.Labels, cordonedBy)
	if unschedulable {
		metav1.SetMetaDataLabel(&node.ObjectMeta, cordonedBy, "true")
	}
	log.FromContext(ctx).Info("set", "unschedulable", unschedulable, "why", why)
	return c.Patch(ctx, node, before)
}
