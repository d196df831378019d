// Package publish writes: the gate bounds how fast, the writer applies NodeKillOrders and the policy's status, and
// the gauges show what was last judged. What is written is decided in package status.
package publish

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/killorder/killorder/api/v1alpha1"
)

// FieldManager owns every field that the operator writes.
const FieldManager = "killorder"

// Writer makes all the operator's writes: it applies the two kinds, server-side, and creates Events.
type Writer struct {
	Client client.Client
}

// CreateOrder makes the NodeKillOrder of a node, owned by the Node.
func (w *Writer) CreateOrder(ctx context.Context, node string, uid types.UID) error {
	order := newApplied("NodeKillOrder", node)
	order.Metadata.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node, UID: uid}}
	order.Spec = v1alpha1.NodeKillOrderSpec{}
	if err := w.create(ctx, order); err != nil {
		return fmt.Errorf("create NodeKillOrder %s: %w", node, err)
	}
	return nil
}

// WriteOrder replaces the status of a NodeKillOrder that exists, and returns the order's new metadata.
func (w *Writer) WriteOrder(ctx context.Context, node string, status *v1alpha1.NodeKillOrderStatus) (*metav1.ObjectMeta, error) {
	order := newApplied("NodeKillOrder", node)
	order.Status = status
	written, err := w.writeStatus(ctx, order)
	if err == nil && written.ResourceVersion == "" {
		err = fmt.Errorf("write status of NodeKillOrder %s: the answer has no resourceVersion", node)
	}
	return written, err
}

// DeleteOrder removes a NodeKillOrder whose Node is gone, or was replaced by another Node of the same name. The garbage collector
// does the same by the owner reference; clusters without a garbage collector need this call.
func (w *Writer) DeleteOrder(ctx context.Context, node string, uid types.UID) error {
	order := &v1alpha1.NodeKillOrder{ObjectMeta: metav1.ObjectMeta{Name: node}}
	err := w.Client.Delete(ctx, order, client.Preconditions{UID: &uid})
	if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete NodeKillOrder %s, whose Node is gone: %w", node, err)
	}
	return nil
}

// CreateEvent creates an Event and reports whether the Event is new. An Event of that name was created by this operator before,
// and a namespace that is gone or goes takes no Event: both are no errors.
func (w *Writer) CreateEvent(ctx context.Context, e *eventsv1.Event) (created bool, err error) {
	err = w.Client.Create(ctx, e, client.FieldOwner(FieldManager))
	switch {
	case err == nil:
		return true, nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause), apierrors.IsNotFound(err), apierrors.IsAlreadyExists(err):
		return false, nil
	}
	return false, fmt.Errorf("create Event %s/%s: %w", e.Namespace, e.Name, err)
}

// CreatePolicy makes the KillOrderPolicy with the schema's defaults. The request names no field of the spec, so the
// operator owns none, and users can set all of them.
func (w *Writer) CreatePolicy(ctx context.Context) error {
	if err := w.create(ctx, newApplied("KillOrderPolicy", v1alpha1.PolicyName)); err != nil {
		return fmt.Errorf("create the default KillOrderPolicy: %w", err)
	}
	return nil
}

// WritePolicy replaces the status of the KillOrderPolicy.
func (w *Writer) WritePolicy(ctx context.Context, status *v1alpha1.KillOrderPolicyStatus) error {
	policy := newApplied("KillOrderPolicy", v1alpha1.PolicyName)
	policy.Status = status
	_, err := w.writeStatus(ctx, policy)
	return err
}

// ignoreFields spares the API server a second parsing of each apply, a seventh of the apply's CPU time. That parsing looks only for fields
// that come twice, and encoding/json writes none. Fields that the schema does not have are refused all the same.
const ignoreFields = client.FieldValidation(metav1.FieldValidationIgnore)

func (w *Writer) create(ctx context.Context, object *applied) error {
	patch, err := object.patch()
	if err != nil {
		return err
	}
	return w.Client.Patch(ctx, object.answer(), patch, client.FieldOwner(FieldManager), client.ForceOwnership, ignoreFields)
}

func (w *Writer) writeStatus(ctx context.Context, object *applied) (*metav1.ObjectMeta, error) {
	patch, err := object.patch()
	written := object.answer()
	if err == nil {
		err = w.Client.Status().Patch(ctx, written, patch, client.FieldOwner(FieldManager), client.ForceOwnership, ignoreFields)
	}
	if err != nil {
		return nil, fmt.Errorf("write status of %s %s: %w", object.Kind, object.Metadata.Name, err)
	}
	return &written.ObjectMeta, nil
}
