package publish

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// TestEventThatIsNotAnswered: a webhook that does not answer holds up whoever creates an Event for five seconds, and no longer.
func TestEventThatIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &Writer{Client: interceptor.NewClient(fake.NewFakeClient(), interceptor.Funcs{
			Create: func(ctx context.Context, _ client.WithWatch, _ client.Object, _ ...client.CreateOption) error {
				<-ctx.Done()
				return ctx.Err()
			},
		})}
		began := time.Now()
		created, err := w.CreateEvent(t.Context(), &eventsv1.Event{})
		if took := time.Since(began); created || !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second {
			t.Errorf("created: %t, error: %v, after %s", created, err, took)
		}
	})
}
