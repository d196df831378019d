// Package publish writes: the gate bounds how fast, the writer applies NodeKillOrders and the policy's status, and
// the gauges show what was last judged. What is written is decided in package status.
package publish

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
)

// FieldManager owns every field that the operator writes.
const FieldManager = "killorder"

// Writer applies the operator's two kinds, server-side.
type Writer struct {
	Client client.Client
}

// CreateOrder makes the NodeKillOrder of a node, owned by the Node.
func (w *Writer) CreateOrder(ctx context.Context, node string, uid types.UID) error {
	order := newApplied("NodeKillOrder", node)
	order.Metadata.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node, UID: uid}}
	order.Spec = v1alpha1.NodeKillOrderSpec{}
	if err := w.Client.Apply(ctx, order, client.FieldOwner(FieldManager), client.ForceOwnership); err != nil {
		return fmt.Errorf("create NodeKillOrder %s: %w", node, err)
	}
	return nil
}

// WriteOrder replaces the status of a NodeKillOrder that exists, and returns the resource version written.
func (w *Writer) WriteOrder(ctx context.Context, node string, status *v1alpha1.NodeKillOrderStatus) (string, error) {
	order := newApplied("NodeKillOrder", node)
	order.Status = status
	if err := w.writeStatus(ctx, order); err != nil {
		return "", err
	}
	if order.Metadata.ResourceVersion == "" {
		return "", fmt.Errorf("write status of NodeKillOrder %s: the answer has no resourceVersion", node)
	}
	return order.Metadata.ResourceVersion, nil
}

// CreatePolicy makes the KillOrderPolicy with the schema's defaults. The request names no field of the spec, so the
// operator owns none, and users can set all of them.
func (w *Writer) CreatePolicy(ctx context.Context) error {
	policy := newApplied("KillOrderPolicy", v1alpha1.PolicyName)
	if err := w.Client.Apply(ctx, policy, client.FieldOwner(FieldManager)); err != nil {
		return fmt.Errorf("create the default KillOrderPolicy: %w", err)
	}
	return nil
}

// WritePolicy replaces the status of the KillOrderPolicy.
func (w *Writer) WritePolicy(ctx context.Context, status *v1alpha1.KillOrderPolicyStatus) error {
	policy := newApplied("KillOrderPolicy", v1alpha1.PolicyName)
	policy.Status = status
	return w.writeStatus(ctx, policy)
}

func (w *Writer) writeStatus(ctx context.Context, object *applied) error {
	if err := w.Client.Status().Apply(ctx, object, client.FieldOwner(FieldManager), client.ForceOwnership); err != nil {
		return fmt.Errorf("write status of %s %s: %w", object.Kind, object.Metadata.Name, err)
	}
	return nil
}
