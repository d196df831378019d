package policy

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/killorder/killorder/api/v1alpha1"
	"github.com/killorder/killorder/internal/extract"
)

// Current holds the policy in force. The zero value holds the default policy.
type Current struct {
	mu         sync.RWMutex
	policy     *extract.Policy
	uid        types.UID
	generation int64
}

// defaultPolicy is one and the same, so that a policy that stays the default has not changed.
var defaultPolicy = sync.OnceValue(extract.DefaultPolicy)

// Get returns the policy in force.
func (c *Current) Get() *extract.Policy {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.policy == nil {
		return defaultPolicy()
	}
	return c.policy
}

// Wait returns once a policy was read, and at the latest when patience is over: a policy that is refused is never in force,
// and without the right to read policies the default policy has to do. The error is the context's.
func (c *Current) Wait(ctx context.Context, patience time.Duration) error {
	_ = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		c.mu.RLock()
		defer c.mu.RUnlock()
		return c.policy != nil, nil
	})
	return ctx.Err()
}

// replace puts a policy in force and reports whether the policy differs from the one before.
func (c *Current) replace(parsed *extract.Policy, of *v1alpha1.KillOrderPolicy) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.policy != nil && c.uid == of.UID && c.generation == of.Generation {
		return false
	}
	c.policy, c.uid, c.generation = parsed, of.UID, of.Generation
	return true
}
