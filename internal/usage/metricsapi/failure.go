package metricsapi

import (
	"context"
	"errors"
	"net"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/killorder/killorder/internal/usage"
	"github.com/killorder/killorder/internal/usage/metricsapi/wire"
)

// failures says what of the two requests failed, and why; nil if neither did.
func failures(podsErr, nodesErr error) []usage.Failure {
	var fs []usage.Failure
	if podsErr != nil {
		fs = append(fs, usage.Failure{Cause: causeOf(podsErr), Of: ofPods, Err: podsErr})
	}
	if nodesErr != nil {
		fs = append(fs, usage.Failure{Cause: causeOf(nodesErr), Of: ofNodes, Err: nodesErr})
	}
	if len(fs) == 1 {
		fs = append(fs, usage.Failure{Cause: usage.FailedPartial, Of: fs[0].Of, Err: errPartial})
	}
	return fs
}

var errPartial = errors.New("the other of pods and nodes was answered")

func causeOf(err error) usage.FailureCause {
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err),
		errors.As(err, &timeout) && timeout.Timeout():
		return usage.FailedTimeout
	case apierrors.IsNotFound(err), apierrors.IsServiceUnavailable(err):
		// The aggregation layer's answers without an APIService, and with one that nothing stands behind.
		return usage.FailedAbsent
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return usage.FailedForbidden
	case errors.Is(err, wire.ErrGarbage), apierrors.IsNotAcceptable(err):
		return usage.FailedGarbage
	}
	return usage.FailedOther
}
