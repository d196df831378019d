package kills

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/publish"
	"github.com/killorder/killorder/internal/status"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create

const (
	// tellInterval is how often the Teller looks for kills to count and tell.
	tellInterval = time.Second
	// tellTimeout bounds the creation of one Event: an admission webhook that does not answer must not hold up the Events of others.
	tellTimeout = 10 * time.Second
)

// Teller counts the kills that are published and creates Events about them. It is a Runnable of the manager that only the
// leader runs.
type Teller struct {
	Book *Book
	// Client reads from the manager's cache.
	Client client.Reader
	Writer *publish.Writer
	// Created is called with the reason of each Event that was created.
	Created func(reason string)
	// EventBudget bounds the Events of each namespace and of the cluster. Instance names this process in the Events.
	EventBudget *publish.EventBudget
	Instance    string
}

// Start counts and tells until the context ends.
func (t *Teller) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, t.Step, tellInterval)
	return nil
}

// Step counts what is settled and tells what is due, once. A later step tries again what failed: the waits of the namespace grow,
// and what failed less often comes first, so that one incident does not hold back the others.
func (t *Teller) Step(ctx context.Context) {
	t.Book.Count()
	for _, in := range t.Book.ToTell() {
		if _, ok := t.EventBudget.Allow(in.Kills[0].Namespace, t.Book.Clock.Now()); !ok {
			continue
		}
		t.settle(ctx, &in, t.tell(ctx, &in))
	}
}

// settle notes in book and budget what came of telling the incident.
func (t *Teller) settle(ctx context.Context, in *Incident, err error) {
	namespace, logger := in.Kills[0].Namespace, log.FromContext(ctx).WithValues("node", in.Node, "pod", in.Kills[0].Pod)
	switch {
	case err == nil:
		t.EventBudget.Created(namespace)
		t.Book.Told(in)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		logger.Error(err, "the Event about a kill is refused for what it says, and is left out")
		t.Book.Metrics.omitted(leftOutEvent, 1)
		t.Book.Told(in)
	case apierrors.IsForbidden(err): // a quota or an admission rule of the namespace
		logger.V(1).Info("the Event about a kill is refused", "error", err.Error())
		t.EventBudget.Failed(namespace, t.Book.Clock.Now())
		t.Book.Failed(in)
	default:
		logger.Error(err, "tell of a kill")
		t.EventBudget.Failed(namespace, t.Book.Clock.Now())
		t.Book.Failed(in)
	}
}

func (t *Teller) tell(ctx context.Context, in *Incident) error {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	order := &metav1.PartialObjectMetadata{}
	order.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("NodeKillOrder"))
	err := t.Client.Get(ctx, types.NamespacedName{Name: in.Node}, order)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read NodeKillOrder %s from the cache: %w", in.Node, err)
	}
	order.Name = in.Node // also where the order has gone with its Node
	e := status.KillEvent(&v1alpha1.NodeKillOrder{ObjectMeta: order.ObjectMeta}, in.Kills, in.Others, t.Instance)
	created, err := t.Writer.CreateEvent(ctx, e)
	if created {
		t.Created(e.Reason)
	}
	return err
}
