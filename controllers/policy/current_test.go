package policy

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
)

// TestWaitForThePolicy: the wait ends with the first policy, with patience, and with the context.
func TestWaitForThePolicy(t *testing.T) {
	var c Current
	if err := c.Wait(t.Context(), time.Millisecond); err != nil {
		t.Errorf("out of patience: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Wait(ended, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("the context ended: %v", err)
	}
	go c.replace(extract.DefaultPolicy(), &v1alpha1.KillOrderPolicy{})
	if err := c.Wait(t.Context(), time.Hour); err != nil {
		t.Errorf("a policy: %v", err)
	}
}
