package usage

import (
	"context"
	"fmt"
	"time"
)

// Within bounds one request for readings. Its error is a context.DeadlineExceeded that tells the time.
func Within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	late := fmt.Errorf("no complete answer within %s: %w", timeout, context.DeadlineExceeded)
	return context.WithTimeoutCause(ctx, timeout, late)
}

// CauseOf returns the deadline's error in place of what it led to, such as an answer cut short.
func CauseOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
