package app

import (
	"context"
	"os"
	"runtime/debug"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// garbageAtFirst is how much garbage there may be before it is collected, in percent of what is in use, until a new leader has judged each
// node. Less is in use then than later, when ten minutes of readings are kept, and the reading of all pods and kubelets makes much garbage.
// At the end of a cold start of 5,000 nodes the peak was 404 MiB, and 500 MiB with 150, beside 466 MiB ten minutes later (docs/scale.md).
const garbageAtFirst = 100

// spareCollections runs until each node is judged, and then sets the percentage of before again. A GOGC that somebody has set stays.
func spareCollections(judged func(context.Context) bool) manager.RunnableFunc {
	return func(ctx context.Context) error {
		if os.Getenv("GOGC") != "" {
			return nil
		}
		defer debug.SetGCPercent(debug.SetGCPercent(garbageAtFirst))
		_ = wait.PollUntilContextCancel(ctx, time.Second, true, func(ctx context.Context) (bool, error) { return judged(ctx), nil })
		return nil
	}
}
