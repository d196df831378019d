package policy

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

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

// Get returns the policy in force.
func (c *Current) Get() *extract.Policy {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.policy == nil {
		return extract.DefaultPolicy()
	}
	return c.policy
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
