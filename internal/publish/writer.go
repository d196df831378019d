package publish

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	metav1apply "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
	apply "github.com/killorder/killorder/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

// FieldManager owns every field the operator writes.
const FieldManager = "killorder"

// Writer applies NodeKillOrders, server-side.
type Writer struct {
	Client client.Client
}

// Create makes the order of a node, owned by it.
func (w *Writer) Create(ctx context.Context, node string, uid types.UID) error {
	order := apply.NodeKillOrder(node).
		WithOwnerReferences(metav1apply.OwnerReference().WithAPIVersion("v1").WithKind("Node").WithName(node).WithUID(uid)).
		WithSpec(v1alpha1.NodeKillOrderSpec{})
	if err := w.Client.Apply(ctx, order, client.FieldOwner(FieldManager), client.ForceOwnership); err != nil {
		return fmt.Errorf("create NodeKillOrder %s: %w", node, err)
	}
	return nil
}

// WriteStatus replaces the status of an order that exists and returns the resource version written.
func (w *Writer) WriteStatus(ctx context.Context, node string, status *v1alpha1.NodeKillOrderStatus) (string, error) {
	s, err := statusApply(status)
	if err != nil {
		return "", err
	}
	order := apply.NodeKillOrder(node).WithStatus(s)
	if err := w.Client.Status().Apply(ctx, order, client.FieldOwner(FieldManager), client.ForceOwnership); err != nil {
		return "", fmt.Errorf("write status of NodeKillOrder %s: %w", node, err)
	}
	if order.ObjectMetaApplyConfiguration == nil || order.ResourceVersion == nil {
		return "", fmt.Errorf("write status of NodeKillOrder %s: the answer has no resourceVersion", node)
	}
	return *order.ResourceVersion, nil
}

// statusApply converts by way of JSON, in which the two types are the same.
func statusApply(status *v1alpha1.NodeKillOrderStatus) (*apply.NodeKillOrderStatusApplyConfiguration, error) {
	raw, err := json.Marshal(status)
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	s := &apply.NodeKillOrderStatusApplyConfiguration{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("convert status: %w", err)
	}
	return s, nil
}
