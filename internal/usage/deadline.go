package usage

import (
	"context"
	"fmt"
	"time"
)

// Within bounds the time of one request for readings. After that time the context's cause is a context.DeadlineExceeded
// that says how long the request could take.
func Within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	late := fmt.Errorf("no complete answer within %s: %w", timeout, context.DeadlineExceeded)
	return context.WithTimeoutCause(ctx, timeout, late)
}

// CauseOf returns the cause of the context's end, if the context has ended, in place of the error that followed from it,
// such as an answer cut short.
func CauseOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
